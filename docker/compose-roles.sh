#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Run once by the postgres image on an empty data folder: the roles and the databases, passwords from the environment.
set -eu
psql -X --username "$POSTGRES_USER" --dbname postgres --file /gridx/roles.sql --file /gridx/models.sql
