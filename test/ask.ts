import type { EmbeddedCloud } from "../packages/embedded-google-cloud/index.ts";

/** Sends a request to the embedded cloud, or to an address of its services, as the owner of its projects. */
export function send(cloud: EmbeddedCloud, method: string, path: string, body?: object): Promise<Response> {
  return fetch(new URL(path, cloud.url), {
    method,
    headers: {
      authorization: `Bearer ${cloud.identities.ownerToken}`,
      ...(body && { "content-type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** Sends a request that must succeed; answers its JSON. */
export async function ask<T = Record<string, unknown>>(
  cloud: EmbeddedCloud,
  method: string,
  path: string,
  body?: object,
): Promise<T> {
  const response = await send(cloud, method, path, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text || "{}") as T;
}
