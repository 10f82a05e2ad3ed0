import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UNKNOWN } from "../../../packages/pulumi-google-stand-in/values.ts";
import { asset, enable, Engine, startTestCloud, type TestCloud } from "./engine.ts";

const OBJECT = "gcp:storage/bucketObject:BucketObject";
const BUCKET = "gcp:storage/bucket:Bucket";

const program = (text: string, rest: object = {}) => ({
  bucket: "migrations",
  name: "migrations/0001.sql",
  source: asset({ text }),
  contentType: "application/sql",
  ...rest,
});

let cloud: TestCloud;
let engine: Engine;

beforeAll(async () => {
  cloud = await startTestCloud();
  engine = new Engine(cloud.google);
  await enable(cloud, "storage.googleapis.com");
});
afterAll(() => cloud.stop());

const contentOf = async (name: string): Promise<string> => {
  const url = `${cloud.cloud.url}/storage/v1/b/migrations/o/${encodeURIComponent(name)}?alt=media`;
  const headers = { authorization: `Bearer ${cloud.cloud.identities.ownerToken}` };
  return (await fetch(url, { headers })).text();
};

test("an object is uploaded, updated in place, drifts when replaced elsewhere, and is deleted with its bucket", async () => {
  const bucket = await engine.create(BUCKET, { name: "migrations", location: "US", versioning: { enabled: true } });
  const made = await engine.create(OBJECT, program("select 1;\n"));
  expect(made.id).toBe("migrations-migrations/0001.sql");
  expect(made.outputs).toMatchObject({
    contentType: "application/sql",
    outputName: "migrations/0001.sql",
    md5hash: createHash("md5").update("select 1;\n").digest("base64"),
    generation: expect.any(Number) as number,
  });
  expect(await contentOf("migrations/0001.sql")).toBe("select 1;\n");
  expect(await engine.refresh(made)).toEqual(made);
  expect(engine.changes(made, program("select 1;\n"))).toEqual([]);

  expect(engine.changes(made, program("select 2;\n"))).toEqual(["source"]);
  const preview = await engine.update(made, program("select 2;\n"), true);
  expect(preview.outputs).toMatchObject({ generation: UNKNOWN, md5hash: UNKNOWN, outputName: "migrations/0001.sql" });
  const changed = await engine.update(made, program("select 2;\n"));
  expect(await contentOf("migrations/0001.sql")).toBe("select 2;\n");
  expect(changed.outputs.generation).not.toBe(made.outputs.generation);
  expect(engine.changes(changed, program("select 2;\n", { contentType: "text/plain" }))).toEqual(["contentType!"]);

  await cloud.google.upload("migrations", "migrations/0001.sql", {}, Buffer.from("drop table users;"));
  const drifted = await engine.refresh(changed);
  expect(drifted && engine.changes(drifted, program("select 2;\n"))).toContain("source");

  await expect(engine.delete(bucket)).rejects.toThrow("set forceDestroy to true");
  const emptied = await engine.update(bucket, {
    name: "migrations",
    location: "US",
    versioning: { enabled: true },
    forceDestroy: true,
  });
  await engine.delete(emptied);
  expect(await engine.refresh(emptied)).toBeUndefined();
});

describe("an object is uploaded", () => {
  beforeAll(() => engine.create(BUCKET, { name: "migrations", location: "US" }));

  test("from a string", async () => {
    await engine.create(OBJECT, { ...program(""), source: null, content: "select 3;" });
    expect(await contentOf("migrations/0001.sql")).toBe("select 3;");
  });

  test("from a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "asset-"));
    try {
      writeFileSync(join(folder, "0001.sql"), "select 4;");
      await engine.create(OBJECT, program("", { source: asset({ path: join(folder, "0001.sql") }) }));
      expect(await contentOf("migrations/0001.sql")).toBe("select 4;");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("only with a content or source", async () => {
    await expect(engine.create(OBJECT, { ...program(""), source: null })).rejects.toThrow(
      'needs "content" or "source"',
    );
  });
});

test("refuses to import an object", async () => {
  await expect(engine.import(OBJECT, "migrations-x")).rejects.toThrow("cannot be imported");
});
