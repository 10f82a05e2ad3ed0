import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accessToken } from "../infra/google.ts";
import { newFolder } from "./folder.ts";

const { HOME } = process.env;
const home = newFolder("home");

afterAll(() => {
  process.env.HOME = HOME;
  rmSync(home, { recursive: true });
});

test("no test finds the Google credentials of the machine, with which it would call Google", async () => {
  const folder = join(home, ".config", "gcloud");
  mkdirSync(folder, { recursive: true });
  const user = { type: "authorized_user", client_id: "id", client_secret: "secret", refresh_token: "token" };
  writeFileSync(join(folder, "application_default_credentials.json"), JSON.stringify(user));
  process.env.HOME = home;
  await expect(accessToken()).rejects.toThrow("No Google credentials found");
});
