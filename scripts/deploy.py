# SPDX-License-Identifier: Apache-2.0
"""Deploy the trade log through ape: `python -m scripts.deploy --network local --rpc URL --out FILE`.

Running it again changes nothing: a record whose block, chain and code are found on chain is checked and returned, and
a deployment that was stopped while it waited goes on with the transaction that it has sent (`scripts/sending.py`). The
roles go to their holders in the constructor; only the admin is handed over in two steps when it is not the deployer,
because a mistyped admin could never be mended: `--accept-admin` is the second step, taken by the new admin. Polygon
mainnet must be asked for twice (`--network polygon --confirm-network polygon`). On the local chain the account of
`GRIDX_RELAYER_KEY`, when that is set, becomes the settler and is given ether.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from scripts import settler
from scripts.contract_build import CONTRACTS, NAME, ROOT, abi_hash, build, canonical_json, prepare_ape
from scripts.sending import DeploymentRefused, mined, sent_file, signed_creation, unfinished, write_json
from scripts.verify_contract import RpcRefused, verify

NETWORKS_FILE = CONTRACTS / "networks.json"
RECORDS = CONTRACTS / "deployments"
LOCAL_RECORD = ROOT / ".gridx" / "deployments" / "local.json"
ZERO_ADDRESS = "0x" + "00" * 20
ROLE_GETTERS = {
    "factorKeeper": "FACTOR_KEEPER_ROLE",
    "registrar": "REGISTRAR_ROLE",
    "pauser": "PAUSER_ROLE",
    "settler": "SETTLER_ROLE",
}


@dataclass(frozen=True, slots=True)
class Roles:
    """Addresses of the five role holders."""

    admin: str
    factorKeeper: str  # noqa: N815 (the names of the deployment record)
    registrar: str
    pauser: str
    settler: str

    @classmethod
    def read(cls, path: Path) -> Roles:
        """Read `{"admin": "0x…", …}`. Raises DeploymentRefused when names are missing or one key has two roles."""
        try:
            roles = cls(**json.loads(path.read_text()))
        except (TypeError, ValueError) as problem:
            raise DeploymentRefused(f"{path} does not name the five roles: {problem}") from problem
        if len({address.lower() for address in asdict(roles).values()}) != len(asdict(roles)):
            raise DeploymentRefused("five roles need five different addresses")
        return roles


@dataclass(frozen=True, slots=True)
class Network:
    """A network of `contracts/networks.json`."""

    name: str
    chain_id: int
    choice: str
    admin_delay_s: int
    confirmations: int
    factors: tuple[tuple[Any, ...], ...]
    default_factor_id: int

    @classmethod
    def read(cls, name: str) -> Network:
        """The network of this name. Raises DeploymentRefused when there is none."""
        content = json.loads(NETWORKS_FILE.read_text())
        if name not in content["networks"]:
            raise DeploymentRefused(f"no network {name!r}; there are {', '.join(sorted(content['networks']))}")
        found = content["networks"][name]
        return cls(
            name=name,
            chain_id=found["chainId"],
            choice=found["choice"],
            admin_delay_s=found["adminDelaySeconds"],
            confirmations=found["confirmations"],
            factors=tuple(_factor(item) for item in content["factors"]),
            default_factor_id=content["defaultFactorId"],
        )

    @property
    def is_local(self) -> bool:
        """Whether its chain is a development chain with public keys."""
        return self.name == "local"

    @property
    def record_file(self) -> Path:
        """Where its deployment record is kept."""
        return LOCAL_RECORD if self.is_local else RECORDS / f"{self.name}.json"


def _factor(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        item["factorId"],
        item["region"].encode().ljust(4, b"\0"),
        item["basis"],
        item["mgPerKwh"],
        item["validFrom"],
        item["validTo"],
        item["source"],
        item["vintage"],
        bytes.fromhex(item["documentHash"][2:]),
    )


@contextmanager
def connected(network: Network, rpc_url: str) -> Iterator[Any]:
    """ape's provider for the node at `rpc_url`. Raises DeploymentRefused when it is on another chain."""
    prepare_ape()
    import ape
    from ape.logging import logger

    logger.set_level(logging.ERROR)
    key = "host" if network.is_local else "uri"
    with ape.networks.parse_network_choice(network.choice, provider_settings={key: rpc_url}) as provider:
        if provider.chain_id != network.chain_id:
            raise DeploymentRefused(f"{rpc_url} is on chain {provider.chain_id}, {network.name} is {network.chain_id}")
        yield provider


def deploy(
    network_name: str,
    rpc_url: str,
    out: Path | None = None,
    *,
    roles: Roles | None = None,
    account: str | None = None,
    confirmed_network: str | None = None,
    predecessor: str = ZERO_ADDRESS,
) -> dict[str, Any]:
    """Deploy the log unless it is deployed, check its code and roles, and return (and write) the deployment record.

    `roles` default, on the local chain only, to the first five development accounts; `account` is the alias of an ape
    account (local: the first development account). Raises DeploymentRefused with the reason.
    """
    network = Network.read(network_name)
    if network_name == "polygon" and confirmed_network != "polygon":
        raise DeploymentRefused("Polygon mainnet must be asked for twice: add --confirm-network polygon")
    path = out or network.record_file
    with connected(network, rpc_url) as provider:
        known = _known_record(provider, network, path)
        if known is None:
            deployer, holders = _signers(network, account, roles)
            known = _create(provider, network, path, deployer, holders, predecessor)
            write_json(path, known)
            sent_file(path).unlink()
            if not network.is_local:
                path.with_suffix(".standard.json").write_text(canonical_json(build().standard_json))
            _require_same_code(provider, known)
        record = known | _roles_on_chain(known)
        if roles is not None and not _admin_is_settled(record, roles):
            deployer, _ = _signers(network, account, roles)
            _contract(record["address"]).beginDefaultAdminTransfer(roles.admin, sender=deployer)
            record |= _roles_on_chain(record)
        _require_roles(record, roles)
        if record != known:
            write_json(path, record)
        if network.is_local and (key := os.environ.get(settler.KEY)):
            settler.equip(_rpc(provider), record, key)
    return record


def accept_admin(network_name: str, rpc_url: str, out: Path | None, account: str) -> dict[str, Any]:
    """The second step of the hand-over, by the new admin's ape account. Returns the updated record."""
    network = Network.read(network_name)
    path = out or network.record_file
    with connected(network, rpc_url):
        record: dict[str, Any] = json.loads(path.read_text())
        _contract(record["address"]).acceptDefaultAdminTransfer(sender=_account(account))
        record |= _roles_on_chain(record)
    write_json(path, record)
    return record


def _container() -> Any:
    """The contract for ape, from the standard JSON build: what is deployed is what explorers are given."""
    from ape.contracts import ContractContainer
    from ethpm_types import ContractType

    compiled = build()
    content = {
        "contractName": NAME,
        "abi": compiled.abi,
        "deploymentBytecode": {"bytecode": "0x" + compiled.creation.hex()},
    }
    return ContractContainer(ContractType.model_validate(content))


def _contract(address: str) -> Any:
    return _container().at(address, fetch_from_explorer=False)


def _rpc(provider: Any) -> Any:
    def call(method: str, *parameters: Any) -> Any:
        return provider.make_request(method, list(parameters))

    return call


def _known_record(provider: Any, network: Network, path: Path) -> dict[str, Any] | None:
    """The record at `path` if it stands on this chain; on the local chain a record of an earlier chain is void."""
    if not path.exists():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    differences = verify(_rpc(provider), record)
    if not differences:
        return record
    same_chain = provider.make_request("eth_getBlockByNumber", ["0x0", False])["hash"] == record["genesisHash"]
    block = provider.make_request("eth_getBlockByNumber", [hex(record["blockNumber"]), False])
    same_block = same_chain and block is not None and block["hash"] == record["blockHash"]
    if network.is_local and not same_block:
        return None
    raise DeploymentRefused(f"{path}: {'; '.join(differences)}")


def _signers(network: Network, account: str | None, roles: Roles | None) -> tuple[Any, Roles]:
    import ape

    if network.is_local:
        first = [ape.accounts.test_accounts[index] for index in range(5)]
        key = os.environ.get(settler.KEY)
        settles = settler.account_of(key) if key else str(first[4].address)
        admin, factor_keeper, registrar, pauser = (str(item.address) for item in first[:4])
        holders = roles or Roles(admin, factor_keeper, registrar, pauser, settles)
        return (_account(account) if account else first[0]), holders
    if roles is None or account is None:
        raise DeploymentRefused(f"{network.name} needs --roles FILE and --account ALIAS")
    return _account(account), roles


def _account(alias: str) -> Any:
    """ape's account of this alias; it signs by itself when its passphrase is in the environment, as ape names it."""
    import ape

    try:
        account = ape.accounts.load(alias)
    except (IndexError, KeyError) as problem:
        raise DeploymentRefused(f"ape has no account {alias!r}") from problem
    passphrase = os.environ.get(f"APE_ACCOUNTS_{alias}_PASSPHRASE")
    if passphrase is not None:
        account.set_autosign(True, passphrase=passphrase)
    return account


def _create(
    provider: Any, network: Network, path: Path, deployer: Any, roles: Roles, predecessor: str
) -> dict[str, Any]:
    """Deploy with the deployer as its first admin, or go on with a deployment that was stopped; returns the record."""
    rpc = _rpc(provider)
    sent = unfinished(rpc, path, local=network.is_local)
    if sent is None:
        first = (deployer.address, roles.factorKeeper, roles.registrar, roles.pauser, roles.settler)
        arguments = (first, network.admin_delay_s, list(network.factors), network.default_factor_id, predecessor)
        sent = signed_creation(deployer, _container(), arguments) | {
            "genesisHash": rpc("eth_getBlockByNumber", "0x0", False)["hash"],
            "predecessor": predecessor,
            "roles": asdict(roles) | {"admin": str(deployer.address)},
        }
        write_json(sent_file(path), sent)
    receipt = mined(rpc, path, sent, confirmations=0 if network.is_local else network.confirmations)
    block = rpc("eth_getBlockByNumber", receipt["blockNumber"], False)
    return {
        "network": network.name,
        "chainId": network.chain_id,
        "genesisHash": sent["genesisHash"],
        "address": to_checksum_address(receipt["contractAddress"]),
        "predecessor": sent["predecessor"],
        "transactionHash": receipt["transactionHash"],
        "blockNumber": int(receipt["blockNumber"], 16),
        "blockHash": block["hash"],
        "parentHash": block["parentHash"],
        "abiHash": abi_hash(),
        "gasUsed": int(receipt["gasUsed"], 16),
        "roles": sent["roles"],
    }


def _roles_on_chain(record: Mapping[str, Any]) -> dict[str, Any]:
    """`roles` with the admin that the chain names, and the `pendingAdmin` of a begun hand-over."""
    contract = _contract(record["address"])
    pending, accept_after = contract.pendingDefaultAdmin()
    found: dict[str, Any] = {
        "roles": dict(record["roles"]) | {"admin": str(contract.defaultAdmin())},
        "pendingAdmin": None,
    }
    if int(pending, 16) != 0:
        found["pendingAdmin"] = {"address": str(pending), "acceptAfter": accept_after}
    for name, getter in ROLE_GETTERS.items():
        role = getattr(contract, getter)()
        if not contract.hasRole(role, found["roles"][name]):
            raise DeploymentRefused(f"{found['roles'][name]} does not hold {getter} of {record['address']}")
    return found


def _admin_is_settled(record: Mapping[str, Any], roles: Roles) -> bool:
    pending = record["pendingAdmin"]
    named = pending["address"] if pending is not None else record["roles"]["admin"]
    return bool(named.lower() == roles.admin.lower())


def _require_roles(record: Mapping[str, Any], roles: Roles | None) -> None:
    if roles is None:
        return
    wanted, found = asdict(roles), record["roles"]
    different = [name for name in ROLE_GETTERS if wanted[name].lower() != found[name].lower()]
    if different:
        raise DeploymentRefused(f"roles of {record['address']} are not as asked for: {', '.join(different)}")


def _require_same_code(provider: Any, record: Mapping[str, Any]) -> None:
    differences = verify(_rpc(provider), record)
    if differences:
        raise DeploymentRefused(f"{record['address']}: {'; '.join(differences)}")


def main() -> int:
    """Command line; exit code 0 when the record is as on chain, 1 with the reason otherwise."""
    parser = argparse.ArgumentParser(description="Deploy the GridX trade log; running it again changes nothing.")
    parser.add_argument("--network", required=True, help="local, amoy or polygon")
    parser.add_argument("--rpc", required=True, help="HTTP address of a node")
    parser.add_argument("--out", type=Path, help="deployment record; default: the network's own")
    parser.add_argument("--roles", type=Path, help="JSON file with the addresses of the five roles")
    parser.add_argument("--account", help="alias of the ape account that signs")
    parser.add_argument("--predecessor", default=ZERO_ADDRESS, help="log whose history the new one continues")
    parser.add_argument("--confirm-network", help="the network again, needed for polygon")
    parser.add_argument("--accept-admin", action="store_true", help="take the admin role that was handed over")
    arguments = parser.parse_args()
    try:
        if arguments.accept_admin:
            record = accept_admin(arguments.network, arguments.rpc, arguments.out, arguments.account)
        else:
            record = deploy(
                arguments.network,
                arguments.rpc,
                arguments.out,
                roles=Roles.read(arguments.roles) if arguments.roles else None,
                account=arguments.account,
                confirmed_network=arguments.confirm_network,
                predecessor=arguments.predecessor,
            )
    except (DeploymentRefused, RpcRefused, OSError) as problem:
        print(f"not deployed: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(record, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
