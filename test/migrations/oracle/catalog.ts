import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { VERSIONS_TABLE } from "../../../infra/names.ts";

/** Leaves out the system's objects, and temporary ones. */
const OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/** A comment and grants, as the end of a line. @param acl The column with the grants, if there is one. */
function ending(oid: string, catalog: string, acl?: string): string {
  const grants = acl === undefined ? "" : `|| coalesce(' grants ' || ${acl}::text, '')`;
  return `coalesce(' comment ' || quote_literal(obj_description(${oid}, '${catalog}')), '') ${grants}`;
}

/** Each selects lines, one for each object of a kind. */
const KINDS: readonly string[] = [
  `SELECT format('schema %I of %s', n.nspname, n.nspowner::regrole) || ${ending("n.oid", "pg_namespace", "n.nspacl")}
   FROM pg_namespace n WHERE ${OURS}`,
  `SELECT format('relation %s %s of %s, %s %s %s %s options %s', c.oid::regclass, c.relkind, c.relowner::regrole,
     c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions)
     || coalesce(' partition by ' || pg_get_partkeydef(c.oid), '') || coalesce(' ' || pg_get_expr(c.relpartbound, c.oid), '')
     || coalesce((SELECT ' inherits ' || string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid), '')
     || CASE WHEN c.relkind IN ('v', 'm') THEN ' as ' || pg_get_viewdef(c.oid) || c.relispopulated ELSE '' END
     || ${ending("c.oid", "pg_class", "c.relacl")}
   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind <> 'i' AND c.relkind <> 'I' AND ${OURS}`,
  `SELECT format('column %s.%I number %s %s storage %s%s%s', c.oid::regclass, a.attname, a.attnum,
       format_type(a.atttypid, a.atttypmod), a.attstorage, a.attcompression, a.attidentity)
     || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
     || CASE WHEN a.attcollation <> t.typcollation THEN ' collate ' || a.attcollation::regcollation ELSE '' END
     || coalesce(' ' || a.attgenerated::text || ' default ' || pg_get_expr(d.adbin, d.adrelid), '')
     || coalesce(' statistics ' || a.attstattarget, '') || coalesce(' options ' || a.attoptions::text, '')
     || coalesce(' grants ' || a.attacl::text, '') || coalesce(' comment ' || quote_literal(col_description(c.oid, a.attnum)), '')
   FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 'S') AND ${OURS}`,
  `SELECT format('constraint %I on %s%s: %s, valid %s', o.conname, nullif(o.conrelid, 0)::regclass, nullif(o.contypid, 0)::regtype,
     pg_get_constraintdef(o.oid), o.convalidated) || ${ending("o.oid", "pg_constraint")}
   FROM pg_constraint o JOIN pg_namespace n ON n.oid = o.connamespace WHERE ${OURS}`,
  `SELECT format('index %s, valid %s, clustered %s, identity %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered,
     i.indisreplident) || ${ending("c.oid", "pg_class")}
   FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}`,
  `SELECT format('sequence %s %s start %s by %s from %s to %s cache %s cycle %s at %s', s.seqrelid::regclass, s.seqtypid::regtype,
     s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle, pg_sequence_last_value(s.seqrelid))
   FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}`,
  `SELECT format('trigger %s, enabled %s', pg_get_triggerdef(g.oid), g.tgenabled) || ${ending("g.oid", "pg_trigger")}
   FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE NOT g.tgisinternal AND ${OURS}`,
  `SELECT format('policy %I on %s for %s, permissive %s, to %s using (%s) check (%s)', p.polname, p.polrelid::regclass, p.polcmd,
     p.polpermissive, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
     || ${ending("p.oid", "pg_policy")}
   FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${OURS}`,
  `SELECT format('rule %s, enabled %s', pg_get_ruledef(r.oid), r.ev_enabled) || ${ending("r.oid", "pg_rewrite")}
   FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE r.rulename <> '_RETURN' AND ${OURS}`,
  `SELECT format('function %s of %s: %s', p.oid::regprocedure, p.proowner::regrole,
       CASE WHEN p.prokind = 'a' THEN (
       SELECT concat_ws(' ', aggkind, aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype, agginitval) FROM pg_aggregate WHERE aggfnoid = p.oid) ELSE pg_get_functiondef(p.oid) END)
     || ${ending("p.oid", "pg_proc", "p.proacl")}
   FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${OURS}`,
  `SELECT format('type %s %s of %s %s %s default %s', t.oid::regtype, t.typtype, t.typowner::regrole,
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) END, t.typnotnull, t.typdefault)
     || coalesce((SELECT ' labels ' || string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), '')
     || coalesce((SELECT format(' range of %s %s', rngsubtype::regtype, rngsubdiff) FROM pg_range WHERE rngtypid = t.oid), '')
     || ${ending("t.oid", "pg_type", "t.typacl")}
   FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${OURS}`,
  `SELECT format('statistics %s of %s', pg_get_statisticsobjdef(s.oid), s.stxowner::regrole) || ${ending("s.oid", "pg_statistic_ext")}
   FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE ${OURS}`,
  `SELECT format('collation %I.%I %s %s %s', n.nspname, collname, collprovider, collcollate, colllocale)
   FROM pg_collation JOIN pg_namespace n ON n.oid = collnamespace WHERE ${OURS}`,
  `SELECT format('operator %s: %s', o.oid::regoperator, o.oprcode) FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ${OURS}`,
  `SELECT format('cast %s as %s by %s, %s', castsource::regtype, casttarget::regtype, castfunc::regproc, castcontext)
   FROM pg_cast WHERE oid >= 16384`,
  `SELECT format('text search %I.%I, parser %s: ', n.nspname, f.cfgname, f.cfgparser)
     || (SELECT string_agg(format('%s %s', maptokentype, mapdict::regdictionary), ',' ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map WHERE mapcfg = f.oid)
   FROM pg_ts_config f JOIN pg_namespace n ON n.oid = f.cfgnamespace WHERE ${OURS}`,
  `SELECT format('default grants in %s for %s: %s', defaclnamespace::regnamespace, defaclobjtype, defaclacl) FROM pg_default_acl`,
  "SELECT format('extension %I %s', extname, extversion) FROM pg_extension",
  "SELECT format('large object of %s: %s', lomowner::regrole, encode(lo_get(oid), 'hex')) FROM pg_largeobject_metadata",
];

const CATALOG = KINDS.map((kind) => `SELECT line FROM (${kind}) AS kind(line)`).join("\nUNION ALL\n");

/**
 * Describes everything in a database that a migration can make: a line for each object, and one for the rows of each table.
 * @param client A superuser's connection, because row security must not hide rows.
 */
export async function describeDatabase(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(CATALOG);
  const tables = await client.query<{ schema: string; name: string }>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND ${OURS} AND c.relname <> '${VERSIONS_TABLE}'`,
  );
  const contents = tables.rows.map(({ schema, name }) => {
    const table = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
    return `SELECT ${escapeLiteral(`rows of ${table}: `)} || count(*) || ' ' || coalesce(md5(string_agg(t::text, ';' ORDER BY t::text COLLATE "C"))
      || ' ' || left(string_agg(t::text, ';' ORDER BY t::text COLLATE "C"), 1000), '') AS line FROM ONLY ${table} t`;
  });
  contents.push(
    `SELECT 'versions ' || coalesce(string_agg(version, ',' ORDER BY version), 'none') AS line FROM public.${VERSIONS_TABLE}`,
  );
  const held = await client.query<{ line: string }>(contents.join("\nUNION ALL\n"));
  return [...rows, ...held.rows].map(({ line }) => line).sort();
}
