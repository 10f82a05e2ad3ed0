-- migrate:up
CREATE TABLE bookings (room int, during tsrange, EXCLUDE USING gist (during WITH &&) WHERE (room = 1));
INSERT INTO bookings VALUES (1, '[2026-01-01,2026-01-02)'), (2, '[2026-01-01,2026-01-02)');
ALTER TABLE bookings ADD CONSTRAINT once EXCLUDE (room WITH =) DEFERRABLE;
-- migrate:down
DROP TABLE bookings;
