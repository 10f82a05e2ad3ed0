-- migrate:up
CREATE TABLE webhook_subscriptions (
  subscription_id varchar(128) PRIMARY KEY,
  url varchar(512) NOT NULL,
  secret varchar(256) NOT NULL,
  event_types text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  description varchar(512),
  created_at timestamp with time zone DEFAULT now()
);

-- migrate:down
DROP TABLE webhook_subscriptions;
