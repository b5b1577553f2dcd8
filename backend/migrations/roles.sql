-- SPDX-License-Identifier: Apache-2.0
-- The four roles of GridX. Run once per cluster by a superuser through psql, repeatable; each password comes from
-- the environment of psql: GRIDX_OWNER_PASSWORD, GRIDX_API_PASSWORD, GRIDX_SERVICE_PASSWORD, GRIDX_AUDIT_PASSWORD.
-- What each role may touch is granted by the migration that makes the table.
\set ON_ERROR_STOP on
\getenv owner_password GRIDX_OWNER_PASSWORD
\getenv api_password GRIDX_API_PASSWORD
\getenv service_password GRIDX_SERVICE_PASSWORD
\getenv audit_password GRIDX_AUDIT_PASSWORD

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['gridx_owner', 'gridx_api', 'gridx_service', 'gridx_audit']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

-- Nobody here is a superuser or passes by row-level security.
ALTER ROLE gridx_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE gridx_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'api_password';
ALTER ROLE gridx_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'service_password';
ALTER ROLE gridx_audit LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'audit_password';

-- The auditor only reads, whatever it is told.
ALTER ROLE gridx_audit SET default_transaction_read_only = on;
ALTER ROLE gridx_api SET idle_in_transaction_session_timeout = '60s';

SELECT 'CREATE DATABASE gridx OWNER gridx_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gridx')
\gexec
