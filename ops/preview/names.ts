/**
 * A type as the program writes it: `gcp:sql/user:User` is `gcp.sql.User`, `random:index/randomId:RandomId` is
 * `random.RandomId`.
 */
export function typeName(token: string): string {
  const [plugin = "", module = "", name = ""] = token.split(":");
  const part = module.split("/")[0];
  if (part === "dynamic") return `${module.split("/")[1] ?? plugin}.${name}`;
  return part === "index" || part === undefined ? `${plugin}.${name}` : `${plugin}.${part}.${name}`;
}
