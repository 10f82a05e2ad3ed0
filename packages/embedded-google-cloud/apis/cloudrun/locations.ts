import { GoogleError } from "../../rest/errors.ts";

/** https://cloud.google.com/run/docs/locations */
const REGIONS = new Set(
  [
    "africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2",
    "asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2 europe-central2",
    "europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6",
    "europe-west8 europe-west9 europe-west10 europe-west12 me-central1 me-central2 me-west1 northamerica-northeast1",
    "northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us-central1 us-east1 us-east4",
    "us-east5 us-south1 us-west1 us-west2 us-west3 us-west4",
  ].flatMap((line) => line.split(" ")),
);

/** @throws GoogleError PERMISSION_DENIED, in Google's words, for anything but a region of Cloud Run, such as a zone. */
export function requireRegion(location: string): void {
  if (REGIONS.has(location)) return;
  throw new GoogleError("PERMISSION_DENIED", `Permission denied on 'locations/${location}' (or it may not exist).`);
}
