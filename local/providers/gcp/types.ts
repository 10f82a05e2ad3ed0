import type { ResourceType } from "../provider";
import { cloudRunTypes } from "./cloudrun";
import { monitoringTypes } from "./monitoring";
import { policyMembers } from "./policies";
import { secretManagerTypes } from "./secretmanager";
import { serviceAccount } from "./serviceaccount";
import { projectService } from "./services";
import { sqlTypes } from "./sql";
import { storageTypes } from "./storage";

/** The resource types of `@pulumi/gcp` that the stand-in has. */
export const gcpTypes: readonly ResourceType[] = [
  projectService,
  serviceAccount,
  ...policyMembers,
  ...sqlTypes,
  ...secretManagerTypes,
  ...storageTypes,
  ...cloudRunTypes,
  ...monitoringTypes,
];
