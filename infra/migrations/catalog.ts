import { VERSIONS_TABLE } from "../names.ts";
import { REPAIRS_TABLE } from "./repairs.ts";

/**
 * SQL that describes the objects of a database from PostgreSQL's catalogs, for adoption, drift and the dump. The rows depend
 * on the schema only, not on its history. Comments, the order of columns, and
 * the tables in which the import and the job record versions are not described.
 *
 * A row has an `object`, such as `table orders` (in a form that ALTER takes), a `part` of it, such as `column id` (empty for
 * the object itself), and the part's `form`, such as `bigint not null`. `section` and `place` give an order.
 *
 * PostgreSQL writes the schema of a name that is not in the search path: the caller sets it to `schema`, or to `public`.
 * @param schema Describes only what is in this schema, without its name; by default everything in the database, with the
 *   names of schemas other than `public`.
 */
export function catalog(schema?: string): string {
  const prefix = `CASE nspname WHEN '${schema ?? "public"}' THEN '' ELSE quote_ident(nspname) || '.' END`;
  const spaces =
    schema === undefined ? `nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'` : `nspname = '${schema}'`;
  return `WITH space AS (
    SELECT oid, nspname, nspowner, nspacl, ${prefix} AS prefix FROM pg_namespace
     WHERE ${spaces} AND ${ownObject("pg_namespace", "pg_namespace.oid")}
  ), relation AS (
    SELECT c.*, prefix || quote_ident(relname) AS name,
           CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' WHEN 'f' THEN 'foreign table '
             WHEN 'S' THEN 'sequence ' ELSE 'table ' END || prefix || quote_ident(relname) AS object
      FROM pg_class c JOIN space ON space.oid = relnamespace
     WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relname NOT IN ('${VERSIONS_TABLE}', '${REPAIRS_TABLE}', 'schema_repeatables', 'job_migrations') AND ${ownObject("pg_class", "c.oid")}
  ), sequence AS (
    SELECT relation.*, format('%s from %s by %s, %s to %s, cache %s', format_type(seqtypid, NULL), seqstart, seqincrement,
             seqmin, seqmax, seqcache) || CASE WHEN seqcycle THEN ', cycles' ELSE '' END AS form, d.refobjid AS of_table
      FROM relation JOIN pg_sequence ON seqrelid = relation.oid
      LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = relation.oid AND d.objsubid = 0
       AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  ), routine AS (
    SELECT p.*, nspname,
           CASE prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END || prefix
             || quote_ident(proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS object
      FROM pg_proc p JOIN space ON space.oid = pronamespace WHERE ${ownObject("pg_proc", "p.oid", "ei")}
  ), type AS (
    SELECT t.*, CASE typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || prefix || quote_ident(typname) AS object
      FROM pg_type t JOIN space ON space.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid
     WHERE (typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND ${ownObject("pg_type", "t.oid")}
  ), owned(section, object, owner, privileges, usual) AS (
    SELECT 2, 'schema ' || quote_ident(nspname), nspowner, nspacl, acldefault('n', nspowner) FROM space
     WHERE nspname NOT IN ('public', '${schema ?? "public"}')
    UNION ALL SELECT 3, object, typowner, typacl, acldefault('T', typowner) FROM type
    UNION ALL SELECT 4, object, relowner, relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
      FROM relation WHERE relkind <> 'S' OR oid NOT IN (SELECT oid FROM sequence WHERE of_table IS NOT NULL)
    UNION ALL SELECT 5, object, proowner, proacl, acldefault('f', proowner) FROM routine
  )
  SELECT * FROM (
    ${schema === undefined ? EXTENSIONS : ""}
    SELECT section, object, '' AS part, '' AS form, 0 AS place FROM owned WHERE section = 2
    UNION ALL SELECT section, object, 'owner', quote_ident(pg_get_userbyid(owner)), 0 FROM owned
    UNION ALL SELECT section, object, 'grant to ' || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        string_agg(privilege_type || CASE WHEN is_grantable THEN ' with grant option' ELSE '' END, ', ' ORDER BY privilege_type), 1000000
      FROM owned, aclexplode(coalesce(privileges, usual)) WHERE grantee <> owner GROUP BY section, object, grantee
    UNION ALL SELECT 3, object, '', CASE typtype
        WHEN 'e' THEN (SELECT 'enum (' || string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) || ')' FROM pg_enum WHERE enumtypid = type.oid)
        WHEN 'd' THEN format_type(typbasetype, typtypmod) || CASE WHEN typnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || typdefault, '')
        WHEN 'r' THEN (SELECT 'range of ' || format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = type.oid)
        ELSE 'composite' END, 0 FROM type
    UNION ALL SELECT 3, object, 'attribute ' || quote_ident(attname), format_type(atttypid, atttypmod), attnum
      FROM type JOIN pg_attribute ON attrelid = typrelid AND attnum > 0 AND NOT attisdropped
    UNION ALL SELECT 3, object, 'constraint ' || quote_ident(conname), pg_get_constraintdef(c.oid, true), 10000
      FROM type JOIN pg_constraint c ON contypid = type.oid AND contype <> 'n'
    UNION ALL SELECT 4, object, '', CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) ELSE '' END, 0 FROM relation WHERE relkind <> 'S'
    UNION ALL SELECT 4, object, '', form, 0 FROM sequence WHERE of_table IS NULL
    UNION ALL SELECT 4, relation.object, sequence.object, sequence.form, 20000 FROM sequence JOIN relation ON relation.oid = of_table
    UNION ALL SELECT 4, object, 'column ' || quote_ident(attname), format_type(atttypid, atttypmod)
        || CASE WHEN attcollation <> typcollation THEN ' collate ' || attcollation::regcollation ELSE '' END
        || CASE WHEN attnotnull THEN ' not null' ELSE '' END
        || CASE attidentity WHEN 'a' THEN ' generated always as identity' WHEN 'd' THEN ' generated by default as identity' ELSE '' END
        || CASE WHEN d.oid IS NULL THEN '' WHEN attgenerated = '' THEN ' default ' || pg_get_expr(adbin, adrelid)
             ELSE ' generated as (' || pg_get_expr(adbin, adrelid) || ')' END, attnum
      FROM relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
      JOIN pg_type t ON t.oid = atttypid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
     WHERE relkind IN ('r', 'p', 'f')
    -- Columns show NOT NULL, which since PostgreSQL 18 is a constraint too; triggers show constraint triggers.
    UNION ALL SELECT 4, object, 'constraint ' || quote_ident(conname), pg_get_constraintdef(c.oid, true), 10000
      FROM relation JOIN pg_constraint c ON conrelid = relation.oid AND contype NOT IN ('n', 't')
    UNION ALL SELECT 4, object, 'index ' || quote_ident(i.relname),
        CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END || substring(pg_get_indexdef(indexrelid, 0, true) FROM 'USING .*')
          || CASE WHEN indisvalid THEN '' ELSE ', invalid' END, 20000
      FROM relation JOIN pg_index ON indrelid = relation.oid JOIN pg_class i ON i.oid = indexrelid
     WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = relation.oid)
    UNION ALL SELECT 4, object, 'trigger ' || quote_ident(tgname),
        pg_get_triggerdef(t.oid, true) || CASE tgenabled WHEN 'O' THEN '' ELSE ' (enabled: ' || tgenabled::text || ')' END, 30000
      FROM relation JOIN pg_trigger t ON tgrelid = relation.oid AND NOT tgisinternal
    UNION ALL SELECT 4, object, 'rule ' || quote_ident(rulename), pg_get_ruledef(r.oid, true), 30000
      FROM relation JOIN pg_rewrite r ON ev_class = relation.oid AND rulename <> '_RETURN'
    UNION ALL SELECT 4, object, 'policy ' || quote_ident(polname),
        format('%s for %s to %s', CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END,
          CASE polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END,
          (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role) END, ', ' ORDER BY role) FROM unnest(polroles) role))
          || coalesce(' using (' || pg_get_expr(polqual, polrelid) || ')', '')
          || coalesce(' check (' || pg_get_expr(polwithcheck, polrelid) || ')', ''), 40000
      FROM relation JOIN pg_policy ON polrelid = relation.oid
    UNION ALL SELECT 4, object, 'row level security', CASE WHEN relforcerowsecurity THEN 'forced' ELSE 'enabled' END, 40000
      FROM relation WHERE relrowsecurity OR relforcerowsecurity
    UNION ALL SELECT 4, object, 'partition key', pg_get_partkeydef(oid), 50000 FROM relation WHERE relkind = 'p'
    UNION ALL SELECT 4, child.object, 'parent ' || parent.name, coalesce(pg_get_expr(child.relpartbound, child.oid), 'inherited'), 50000
      FROM relation child JOIN pg_inherits ON inhrelid = child.oid JOIN relation parent ON parent.oid = inhparent
    UNION ALL SELECT 4, object, 'options', array_to_string(reloptions, ', '), 50000 FROM relation WHERE reloptions IS NOT NULL
    UNION ALL SELECT 4, object, 'persistence', 'unlogged', 50000 FROM relation WHERE relpersistence = 'u' AND relkind <> 'S'
    UNION ALL SELECT 5, object, '', CASE prokind
        WHEN 'a' THEN (SELECT format('by %s over %s', aggtransfn::regproc, format_type(aggtranstype, NULL)) || coalesce(' from ' || agginitval, '')
          FROM pg_aggregate WHERE aggfnoid = routine.oid)
        -- PostgreSQL writes the schema of the name in any case.
        ELSE regexp_replace(rtrim(pg_get_functiondef(oid), E'\\n'), '^(CREATE OR REPLACE \\w+) ("([^"]|"")+"|[^".]+)\\.', '\\1 ')
        END, 0 FROM routine
  ) described(section, object, part, form, place)`;
}

/** pgAudit is created where the instance loads it, see `script.ts`, and extensions named `google_…` by Cloud SQL. */
const EXTENSIONS = `SELECT 1 AS section, 'extension ' || quote_ident(extname) AS object, '' AS part, '' AS form, 0 AS place
      FROM pg_extension WHERE extname NOT IN ('plpgsql', 'pgaudit') AND extname NOT LIKE 'google\\_%'
    UNION ALL`;

/**
 * Leaves out the objects of extensions.
 * @param kinds Kinds of dependency: `e` on an extension; `i` also leaves out the functions that make a range type.
 */
function ownObject(catalog: string, oid: string, kinds: "e" | "ei" = "e"): string {
  return `NOT EXISTS (SELECT FROM pg_depend WHERE classid = '${catalog}'::regclass AND objid = ${oid} AND strpos('${kinds}', deptype::text) > 0)`;
}

/** Longest form that a sentence quotes, in characters. */
const LONGEST = 200;

/**
 * SQL that compares two descriptions, see {@link catalog}: a `difference` in words for each row that differs.
 * @param wanted An SQL expression of type jsonb: the expected rows, from {@link asJson}.
 * @param live A query with the columns `object`, `part` and `form`.
 */
export function differences(wanted: string, live: string): string {
  const short = (form: string) => `(length(${form}) <= ${LONGEST} AND ${form} !~ '\\n')`;
  return `WITH wanted AS (SELECT * FROM jsonb_to_recordset(${wanted}) AS one(object text, part text, form text)),
  live AS (SELECT object, part, form FROM (${live}) live)
  SELECT object || CASE part WHEN '' THEN '' ELSE ': ' || part END || CASE
      WHEN live.form IS NULL THEN ' is missing'
      WHEN wanted.form IS NULL THEN ' was created manually'
      WHEN ${short("live.form")} AND ${short("wanted.form")} THEN ' is ' || live.form || ', expected ' || wanted.form
      ELSE ' differs from the migrations' END AS difference
    FROM wanted FULL JOIN live USING (object, part)
   WHERE wanted.form IS DISTINCT FROM live.form
     AND (part = '' OR (object IN (SELECT object FROM wanted) AND object IN (SELECT object FROM live)))
   ORDER BY object COLLATE "C", part COLLATE "C"`;
}

/** SQL that turns a description into jsonb, for {@link differences}. @param described A query, see {@link catalog}. */
export function asJson(described: string): string {
  return `SELECT coalesce(jsonb_agg(jsonb_build_object('object', object, 'part', part, 'form', form) ORDER BY section, object, place, part), '[]') FROM (${described}) described`;
}
