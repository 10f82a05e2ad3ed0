/** A row below a COPY that PostgreSQL would refuse. */
export class RowError extends Error {
  override readonly name = "RowError";
  /** From 1. */
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.line = line;
  }
}

/** What pg_dump writes around its output, and a COPY with its rows. */
const BLOCK = new RegExp(
  [
    String.raw`^\\(?:un)?restrict [^\n]*$`,
    String.raw`^(?<head>COPY (?<table>[^\n(]+?) \((?<columns>[^\n]*)\)) FROM stdin;\r?\n(?<rows>(?:[^\n]*\n)*?)\\\.\r?$`,
  ].join("|"),
  "gim",
);

/** Rows of one INSERT. */
const ROWS = 100;

/**
 * Writes the COPY FROM STDIN blocks of a file of pg_dump as INSERT statements, each row on its own line, because a PL/pgSQL
 * block, which makes a version's errors name their line, cannot read rows from the client.
 * @param isSql Whether a text consists of whole statements, so that a string that looks like a block stays.
 * @throws RowError if a row is not what COPY reads.
 */
export function copyAsInserts(sql: string, isSql: (text: string) => boolean): string {
  let done = "";
  let from = 0;
  for (const { 0: block, index, groups: { columns = "", head, rows = "", table = "" } = {} } of sql.matchAll(BLOCK)) {
    const before = sql.slice(from, index);
    if (!isSql(before)) continue; // It stands in a string.
    const line = sql.slice(0, index).split("\n").length + 1;
    done += before + (head === undefined ? "" : inserts(table, columns, rows, line));
    from = index + block.length;
  }
  return done + sql.slice(from);
}

/** @param line The line of the first row. */
function inserts(table: string, columns: string, rows: string, line: number): string {
  const count = columns.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).length;
  const lines = rows.split("\n").slice(0, -1);
  const values = lines.map((row, index) => {
    const fields = row.replace(/\r$/, "").split("\t");
    if (fields.length !== count) {
      throw new RowError(`the row has ${fields.length} values for ${count} columns`, line + index);
    }
    const first = index % ROWS === 0 ? `INSERT INTO ${table} (${columns}) OVERRIDING SYSTEM VALUE VALUES ` : "";
    const last = index % ROWS === ROWS - 1 || index === lines.length - 1 ? ";" : ",";
    return `${first}(${fields.map((field) => literal(field, line + index)).join(", ")})${last}`;
  });
  return `\n${values.map((value) => `${value}\n`).join("")}`;
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** A value in COPY's text format as an SQL literal without line ends. */
function literal(field: string, line: number): string {
  if (field === "\\N") return "NULL";
  const value = field.replace(/\\(x[\da-f]{1,2}|[0-7]{1,3}|[^])/gi, (_, escaped: string) => {
    if (!/^(?:x.|\d)/i.test(escaped)) return ESCAPES[escaped] ?? escaped;
    const code = escaped.startsWith("x") ? Number.parseInt(escaped.slice(1), 16) : Number.parseInt(escaped, 8);
    if (code === 0 || code > 0x7f) throw new RowError(`\\${escaped} is no character of its own in UTF-8`, line);
    return String.fromCharCode(code);
  });
  const quoted = value.replaceAll("'", "''");
  if (!/[\\\n\r]/.test(quoted)) return `'${quoted}'`;
  return `E'${quoted.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
}
