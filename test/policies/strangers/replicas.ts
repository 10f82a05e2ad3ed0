import type { Case } from "../case.ts";
import { bucket, grant, instance } from "../good.ts";
import type { Declared } from "../declare.ts";

const OF_PRIMARY = { name: "shop-replica", masterInstanceName: "shop-db" };

function named(bucketName: string): Declared[] {
  return [
    grant("roles/storage.objectViewer", "allUsers", "gcp:storage/bucketIAMMember:BucketIAMMember", {
      bucket: bucketName,
    }),
  ];
}

/** What a replica leaves to its primary, and what is public by intent. */
export const replicas: readonly Case[] = [
  {
    policy: "database-deletion-protection",
    title: "a primary, beside an unprotected replica",
    breaks: [instance({ deletionProtectionEnabled: false }, { deletionProtection: false })],
    says: /deletionProtection is off/,
    passes: [instance({ deletionProtectionEnabled: false }, { ...OF_PRIMARY, deletionProtection: false })],
  },
  {
    policy: "data-protected",
    title: "a primary, beside an unprotected replica",
    breaks: [instance({}, {}, false)],
    says: /holds data but is not protected/,
    passes: [instance({}, OF_PRIMARY, false)],
  },
  {
    policy: "no-public-members",
    title: "a bucket that no configuration lists",
    breaks: named("shop-1a2b3c4"),
    says: /is granted to allUsers.*list it in { "no-public-members": { "public"/,
    passes: [bucket()],
  },
];
