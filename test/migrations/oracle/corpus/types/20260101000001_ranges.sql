-- migrate:up
CREATE FUNCTION time_difference(time, time) RETURNS float8 LANGUAGE sql IMMUTABLE AS
  'SELECT extract(epoch FROM $1 - $2)::float8';
CREATE TYPE timerange AS RANGE (subtype = time, subtype_diff = time_difference, multirange_type_name = timeranges);
CREATE TABLE shifts (hours timerange, days daterange, all_hours timeranges);
INSERT INTO shifts VALUES ('[08:00,16:00)', '[2026-01-01,2026-02-01)', '{[08:00,09:00),[10:00,11:00)}');

-- migrate:down
DROP TABLE shifts;
DROP TYPE timerange;
DROP FUNCTION time_difference;
