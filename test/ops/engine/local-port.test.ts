import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { startLocal } from "../../../ops/engine/local.ts";
import { UserError } from "../../../ops/terminal/user-error.ts";
import { newFolder } from "../../folder.ts";

let folder: string;
let other: Server | undefined;

beforeEach(() => {
  folder = newFolder("port");
});

afterEach(() => {
  other?.close();
  rmSync(folder, { recursive: true, force: true });
});

const take = (port: number) =>
  new Promise<AddressInfo>((resolve) => {
    const server = createServer();
    other = server.listen(port, "127.0.0.1", () => {
      resolve(server.address() as AddressInfo);
    });
  });

test("keeps the port of the first start, and fails if another program has taken it", async () => {
  const first = await startLocal(folder, () => undefined);
  await first.stop();
  const second = await startLocal(folder, () => undefined);
  expect(second.cloud.url).toBe(first.cloud.url);
  await second.stop();

  const port = Number(new URL(first.cloud.url).port);
  await take(port);
  const third = startLocal(folder, () => undefined);
  await expect(third).rejects.toThrow(UserError);
  await expect(third).rejects.toThrow(`Port ${String(port)}, which the state of the earlier run contains, is taken`);
});
