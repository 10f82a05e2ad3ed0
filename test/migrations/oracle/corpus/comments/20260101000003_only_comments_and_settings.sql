-- migrate:up
-- Nothing is to be done; this file is here for its comment.

-- migrate:down
-- Nothing.
