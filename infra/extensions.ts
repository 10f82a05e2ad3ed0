/**
 * The extensions of Cloud SQL that a configuration may declare: those of Google's page
 * https://cloud.google.com/sql/docs/postgres/extensions without those that need a database flag (such as pg_cron, pg_bigm and
 * pg_hint_plan), are no CREATE EXTENSION (auto_explain), or that Cloud SQL manages (pgAudit). Compared in November 2026 with the
 * transcript of that page in https://github.com/rushilsrivastava/postgres-cloudsql-docker, as Google's own could not be read.
 * A new major version comes without some at first: Google's release notes for PostgreSQL 17 name 22 such as plv8. PostgreSQL
 * refuses these when the import creates them.
 */
export const EXTENSIONS: readonly string[] = `
  address_standardizer address_standardizer_data_us amcheck autoinc bloom btree_gin btree_gist citext cube dblink dict_int
  earthdistance fuzzystrmatch hll hstore insert_username intagg intarray ip4r isn lo ltree moddatetime oracle_fdw orafce
  pageinspect pg_background pg_buffercache pg_freespacemap pg_partman pg_prewarm pg_proctab pg_repack pg_similarity
  pg_stat_statements pg_trgm pg_visibility pgcrypto pgfincore pgrouting pgrowlocks pgstattuple pgtap pgtt plproxy plv8 postgis
  postgis_raster postgis_sfcgal postgis_tiger_geocoder postgis_topology postgres_fdw prefix rdkit refint roaringbitmap sslinfo
  tablefunc tcn tds_fdw temporal_tables tsm_system_rows tsm_system_time unaccent uuid-ossp vector
`
  .trim()
  .split(/\s+/);
