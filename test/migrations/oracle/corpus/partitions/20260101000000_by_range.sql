-- migrate:up
CREATE TABLE measures (at date NOT NULL, place int, value float) PARTITION BY RANGE (at);
CREATE TABLE measures_2026_01 PARTITION OF measures FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE measures_rest PARTITION OF measures DEFAULT;
CREATE INDEX ON measures (place, at);
ALTER TABLE measures ADD PRIMARY KEY (at, place);
INSERT INTO measures VALUES ('2026-01-15', 1, 0.5), ('2025-01-15', 1, 'NaN'), ('2026-01-16', 2, '-infinity');

-- migrate:down
DROP TABLE measures;
