import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Store, StoreError } from "../../../../packages/embedded-google-cloud/state/store.ts";

describe("the store", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "store-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const open = () => new Store(folder).collection<object>("things");

  test("values survive a restart, and deleted ones do not", () => {
    const things = open();
    things.put("a", { n: 1 });
    things.put("b", { n: 2 });
    things.put("a", { n: 3 });
    expect(things.delete("b")).toBe(true);
    expect(things.delete("b")).toBe(false);
    expect(open().get("a")).toEqual({ n: 3 });
    expect(open().keys()).toEqual(["a"]);
  });

  test("a name identifies one collection", () => {
    const store = new Store(folder);
    store.collection("things").put("a", {});
    expect(store.collection("things").keys()).toEqual(["a"]);
    expect(store.collection("others").keys()).toEqual([]);
  });

  test("values are sorted by key", () => {
    const things = open();
    for (const name of ["b", "c", "a"]) things.put(name, { name });
    expect(things.values()).toEqual([{ name: "a" }, { name: "b" }, { name: "c" }]);
  });

  test("keys that look alike differ, even long ones and on any file system", () => {
    const long = "x".repeat(400);
    const keys = ["a/b", "a~b", "a%2Fb", "A/B", "..", "ä", "ae:\n*?", `${long}1`, `${long}2`, `${long}1/y`];
    const things = open();
    for (const key of keys) things.put(key, { key });
    const reopened = open();
    for (const key of keys) expect(reopened.get(key)).toEqual({ key });
    const files = readdirSync(join(folder, "things"));
    expect(new Set(files.map((file) => file.toLowerCase())).size).toBe(keys.length);
  });

  test("its files are readable by their owner only", () => {
    open().put("a", {});
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "things")).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, "things", "a.json")).mode & 0o777).toBe(0o600);
  });

  test("an interrupted write leaves the previous value", () => {
    open().put("a", { n: 1 });
    writeFileSync(join(folder, "things", "a.json.tmp"), '{"key":"a","val');
    expect(open().get("a")).toEqual({ n: 1 });
    expect(readdirSync(join(folder, "things"))).toEqual(["a.json"]);
  });

  test("names a damaged file", () => {
    open().put("a", {});
    const path = join(folder, "things", "a.json");
    writeFileSync(path, '{"key":');
    expect(open).toThrow(StoreError);
    expect(open).toThrow(path);
  });
});
