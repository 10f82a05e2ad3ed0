import { Engine, googleAt, PROJECT, startTestCloud } from "../packages/pulumi-google-stand-in/engine.ts";

test("two concurrent updates of a project's policy lose no binding", async () => {
  const cloud = await startTestCloud();
  try {
    const { identities, url } = cloud.cloud;
    const updates = ["one", "two"].map((name) => ({ name, engine: new Engine(googleAt(url, identities.ownerToken)) }));
    const wanted = updates.flatMap(({ name }) =>
      Array.from({ length: 10 }, (_, index) => `user:${name}-${index}@x.org`),
    );
    await Promise.all(
      updates.map(async ({ engine, name }) => {
        for (const member of wanted.filter((each) => each.startsWith(`user:${name}`))) {
          const program = { project: PROJECT, role: "roles/cloudsql.client", member };
          await engine.create("gcp:projects/iAMMember:IAMMember", program);
        }
      }),
    );
    const path = `projects/${PROJECT}:getIamPolicy`;
    const { bindings } = (await cloud.google.call("resourceManager", "POST", path, { body: {} })) as {
      bindings: { role: string; members: string[] }[];
    };
    expect(bindings.find(({ role }) => role === "roles/cloudsql.client")?.members.sort()).toEqual(wanted.sort());
    expect(bindings.map(({ role }) => role)).toContain("roles/owner");
  } finally {
    await cloud.stop();
  }
});
