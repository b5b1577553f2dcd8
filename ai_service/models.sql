-- SPDX-License-Identifier: Apache-2.0
-- The database of the register of models, and the one role that may enter it. Run by a superuser through psql,
-- repeatable; the password comes from the environment of psql: GRIDX_MODELS_PASSWORD. MLflow makes its own tables there,
-- among them one named like Alembic's: hence a database of its own. The role owns nothing in the market's database.
\set ON_ERROR_STOP on
\getenv models_password GRIDX_MODELS_PASSWORD

SELECT 'CREATE ROLE gridx_models'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gridx_models')
\gexec

ALTER ROLE gridx_models LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'models_password';

SELECT 'CREATE DATABASE gridx_mlflow OWNER gridx_models'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gridx_mlflow')
\gexec

REVOKE ALL ON DATABASE gridx_mlflow FROM PUBLIC;
