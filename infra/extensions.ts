/**
 * The extensions of Cloud SQL that a configuration may declare, without those that need a database flag or that Cloud SQL
 * manages, such as pgAudit: https://cloud.google.com/sql/docs/postgres/extensions
 */
export const EXTENSIONS = [
  ...["address_standardizer", "address_standardizer_data_us", "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist"],
  ...["citext", "cube", "dblink", "dict_int", "dict_xsyn", "earthdistance", "fuzzystrmatch", "hll", "hstore"],
  ...["insert_username", "intagg", "intarray", "ip4r", "isn", "lo", "ltree", "moddatetime", "orafce", "pageinspect"],
  ...["pg_buffercache", "pg_freespacemap", "pg_hint_plan", "pg_partman", "pg_prewarm", "pg_proctab", "pg_repack"],
  ...["pg_similarity", "pg_stat_statements", "pg_trgm", "pg_visibility", "pgcrypto", "pgfincore", "pgrowlocks"],
  ...["pgstattuple", "pgtap", "pgtt", "plproxy", "plv8", "postgis", "postgis_raster", "postgis_sfcgal"],
  ...[
    "postgis_tiger_geocoder",
    "postgis_topology",
    "postgres_fdw",
    "prefix",
    "rdkit",
    "refint",
    "sslinfo",
    "tablefunc",
  ],
  ...[
    "tcn",
    "tds_fdw",
    "temporal_tables",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "unit",
    "uuid-ossp",
    "vector",
  ],
] as const;
