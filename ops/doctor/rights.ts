import type { Client } from "pg";
import { OWNER_ROLE } from "../../infra/names.ts";

/** Who owns a table of the schema `public`, and what the login may do with it. */
export interface TableRights {
  readonly name: string;
  readonly owner: string;
  /** Of SELECT, INSERT, UPDATE and DELETE, those that the login lacks. */
  readonly lacking: readonly string[];
  /** Whether every login has a privilege on it. */
  readonly open: boolean;
}

/** The tables' owners and privileges; undefined before the import has created the role that owns them. */
export async function rightsOn(client: Client): Promise<readonly TableRights[] | undefined> {
  const { rows } = await client.query<{ rights: TableRights[] | null; imported: boolean }>(
    `SELECT to_regrole('${OWNER_ROLE}') IS NOT NULL AS imported,
            (SELECT jsonb_agg(jsonb_build_object(
                'name', quote_ident(relname),
                'owner', pg_get_userbyid(relowner),
                'lacking', ARRAY(SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
                                  WHERE NOT has_table_privilege(c.oid, privilege)),
                'open', EXISTS (SELECT FROM aclexplode(relacl) WHERE grantee = 0)) ORDER BY relname)
               FROM pg_class c
              WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))
              AS rights`,
  );
  const [answer] = rows;
  return answer?.imported === true ? (answer.rights ?? []) : undefined;
}
