/** A file that dbmate and the import do not treat the same, and why it stays so. */
export interface Difference {
  /** The file in the corpus. */
  readonly file: string;
  /** What is in it; the next three stand in the guide too. */
  readonly what: string;
  readonly dbmate: string;
  readonly here: string;
  readonly why: string;
  /** Matches each difference that the test finds. */
  readonly found: RegExp;
}

/** Every difference that stays; the guide has them as a table. */
export const DIFFERENCES: readonly Difference[] = [
  {
    file: "markers-empty-down/20260101000000_empty_down.sql",
    what: "nothing below `-- migrate:down`",
    dbmate: "applies it",
    here: "refused",
    why: "a rollback would record what it did not do; write `SELECT 1;` if nothing is to be reverted",
    found: /no SQL below "-- migrate:down"/,
  },
  {
    file: "markers-empty-up/20260101000000_empty_up.sql",
    what: "nothing below `-- migrate:up`",
    dbmate: "records the version",
    here: "refused",
    why: "it is a mistake: nobody writes a version that does nothing",
    found: /no SQL below "-- migrate:up"/,
  },
  {
    file: "byte-order-mark/20260101000001_second_is_marked.sql",
    what: "a file that cannot be read, such as one with a byte order mark, after one that can",
    dbmate: "applies the first",
    here: "applies neither",
    why: "all files are read before the backup is taken",
    found: /^all up: only by .*(not_marked|versions)/,
  },
  {
    file: "no-transaction-concurrently/20260101000001_concurrently.sql",
    what: "`transaction:false`, with a statement that cannot run in a transaction",
    dbmate: "applies it",
    here: "fails",
    why: "a version must be recorded together with what it does; [the job](#the-migration-job) runs such a file",
    found: /CREATE INDEX CONCURRENTLY cannot run inside a transaction block/,
  },
  {
    file: "no-transaction-block/20260101000001_commit_in_block.sql",
    what: "`transaction:false`, with `COMMIT` in a `DO` block",
    dbmate: "applies it",
    here: "fails",
    why: "as above",
    found: /invalid transaction termination/,
  },
  {
    file: "transactions-commit/20260101000000_commit.sql",
    what: "`COMMIT; BEGIN;`",
    dbmate: "applies it in two transactions",
    here: "refused",
    why: "what fails must be undone as a whole",
    found: /remove the statement that begins or ends one/,
  },
  {
    file: "transactions-wrapped/20260101000000_begin_commit.sql",
    what: "`BEGIN; …; COMMIT;` around a file",
    dbmate: "fails after it has applied it",
    here: "refused before",
    why: "as above",
    found: /^all up: only by .*(wrapped|versions)/,
  },
  {
    file: "transactions-isolation/20260101000000_isolation.sql",
    what: "`SET TRANSACTION ISOLATION LEVEL`",
    dbmate: "applies it",
    here: "fails",
    why: "the transaction has already looked up which versions are applied",
    found: /must be called before any query/,
  },
  {
    file: "enums-own-file/20260101000000_add_and_use.sql",
    what: "`CREATE TYPE … AS ENUM`, `ALTER TYPE … ADD VALUE` and a use of the value, in one file",
    dbmate: "applies it",
    here: "fails",
    why: "each statement has a savepoint, so that an error names its line; list the value in `CREATE TYPE`",
    found: /unsafe use of new value "blue"/,
  },
  {
    file: "select-into/20260101000000_select_into.sql",
    what: "`SELECT … INTO table`",
    dbmate: "applies it",
    here: "refused",
    why: "a PL/pgSQL block runs each statement, and there it means a variable; write `CREATE TABLE … AS`",
    found: /SELECT INTO cannot be imported/,
  },
  {
    file: "schemas-search-path/20260101000000_search_path.sql",
    what: "`SET search_path` to another schema",
    dbmate: "fails: it looks for its table there",
    here: "applies it",
    why: "the import names the schema of its table",
    found: /dbmate fails .*relation "app.schema_migrations" does not exist/,
  },
  {
    file: "settings-role-none/20260101000000_set_role_none.sql",
    what: "`SET ROLE NONE`",
    dbmate: "gives the tables to the login",
    here: "gives them to `settlement_owner`",
    why: "the other login could not use them",
    found: /of_none/,
  },
  {
    file: "settings-strings/20260101000000_nonconforming.sql",
    what: "`SET standard_conforming_strings = off`, and then a backslash in a string",
    dbmate: "reads the string as before, and that of the next file as set",
    here: "reads it as set, to the end of the file",
    why: "the import runs one statement after the other, as psql does",
    found: /nonconforming/,
  },
  {
    file: "temporary-left-behind/20260101000001_left_again.sql",
    what: "two files that make a temporary table of the same name",
    dbmate: "fails if both are pending",
    here: "applies them",
    why: "each file begins with an empty session, whether one is pending or both",
    found: /relation "left_behind" already exists/,
  },
  {
    file: "temporary-used-by-next/20260101000001_used.sql",
    what: "a file that uses the temporary table of the one before",
    dbmate: "applies it if both are pending",
    here: "fails",
    why: "as above",
    found: /relation "handed_on" does not exist/,
  },
  {
    file: "copied-rows/20260101000000_pg_dump.sql",
    what: "the output of `pg_dump`, with `\\restrict` and `COPY … FROM stdin`",
    dbmate: "fails",
    here: "applies it",
    why: "each row becomes a row of an `INSERT`, so that an error names its line; a rule on `INSERT` sees them",
    found: /^all up: the import succeeds; dbmate fails/,
  },
];
