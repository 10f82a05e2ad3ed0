-- a comment above the marker
-- migrate:up
/* a block; with a semicolon
   /* nested -- and more */
   -- migrate: not a marker
*/
CREATE /* here */ TABLE -- there; and
  odd ( -- everywhere
  id int /* the id; */, -- ';
  "a -- b" text DEFAULT '-- no comment', "c /* d" text DEFAULT '/* no comment */'
) -- end
; -- after
INSERT INTO odd (id) VALUES (1); -- migrate:down is not here
-- the last line of the direction

-- migrate:down
-- first
DROP TABLE odd; /* last */
-- migrated: down
