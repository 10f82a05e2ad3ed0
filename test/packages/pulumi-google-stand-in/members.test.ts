import fastify, { type FastifyInstance } from "fastify";
import type { Fields } from "../../../packages/embedded-google-cloud/rest/fields.ts";
import { Engine, googleAt, PROJECT } from "./engine.ts";

const MEMBER = "gcp:projects/iAMMember:IAMMember";
const role = "roles/cloudsql.client";
const member = (name: string) => ({ project: PROJECT, role, member: `user:${name}@example.com` });

/** A policy that another client changes between a read and a write, for a number of times. */
class ContendedPolicy {
  policy: Fields = { etag: "0" };
  conflicts = 0;
  readonly app: FastifyInstance = fastify();

  async start(): Promise<Engine> {
    this.app.post("/v1/*", (request, reply) => {
      if (request.url.includes(":getIamPolicy")) return this.policy;
      const { policy } = request.body as { policy: Fields };
      if (this.conflicts > 0) {
        this.conflicts -= 1;
        this.policy = { ...this.policy, etag: `${String(this.policy.etag)}'` };
      }
      if (policy.etag !== this.policy.etag) {
        const error = { code: 409, status: "ABORTED", message: "There were concurrent policy changes." };
        return reply.code(409).send({ error });
      }
      this.policy = { ...policy, etag: `${Number(String(this.policy.etag).replaceAll("'", "")) + 1}` };
      return this.policy;
    });
    return new Engine(googleAt(await this.app.listen({ host: "127.0.0.1", port: 0 })));
  }
}

let contended: ContendedPolicy;
let engine: Engine;

beforeEach(async () => {
  contended = new ContendedPolicy();
  engine = await contended.start();
});
afterEach(() => contended.app.close());

test("adds a member despite concurrent changes of the policy", async () => {
  contended.conflicts = 2;
  await engine.create(MEMBER, member("a"));
  expect(contended.policy.bindings).toEqual([{ role, members: ["user:a@example.com"] }]);
});

test("gives up after a bounded number of concurrent changes", async () => {
  contended.conflicts = 1000;
  await expect(engine.create(MEMBER, member("a"))).rejects.toThrow("There were concurrent policy changes.");
  expect(contended.conflicts).toBe(992);
}, 30_000);

test("adds members concurrently without losing any", async () => {
  const names = ["a", "b", "c", "d", "e"];
  const [first, ...others] = await Promise.all(names.map((name) => engine.create(MEMBER, member(name))));
  expect(contended.policy.bindings).toMatchObject([{ role, members: names.map((name) => `user:${name}@example.com`) }]);
  await Promise.all(others.map((each) => engine.delete(each)));
  expect(contended.policy.bindings).toEqual([{ role, members: ["user:a@example.com"] }]);
  if (first) await engine.delete(first);
  expect(contended.policy).toMatchObject({ bindings: [], version: 3 });
});

test("a binding with a condition is distinct from one without", async () => {
  const condition = { title: "t", description: "d", expression: "true" };
  const plain = await engine.create(MEMBER, member("a"));
  const bound = await engine.create(MEMBER, { ...member("a"), condition });
  expect(bound.id).toBe(`${PROJECT}/${role}/user:a@example.com/t/d/true`);
  await engine.delete(plain);
  expect(contended.policy.bindings).toEqual([{ role, members: ["user:a@example.com"], condition }]);
  expect(await engine.refresh(plain)).toBeUndefined();
  expect(await engine.refresh(bound)).toBeDefined();
});
