-- migrate:up
SET TIME ZONE 'Europe/Vienna';
SET datestyle = 'German';
CREATE TABLE moments (at timestamptz, d date);
INSERT INTO moments VALUES ('2026-01-01 00:00', '24.12.2025');
RESET TIME ZONE;
RESET datestyle;
INSERT INTO moments VALUES ('2026-01-01 00:00', '2025-12-24');
-- migrate:down
DROP TABLE moments;
