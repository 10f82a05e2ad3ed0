-- migrate:up
CREATE TABLE settlement_commands (
  command_id varchar(128) PRIMARY KEY,
  workflow_id varchar(128) NOT NULL,
  account_ref varchar(128) NOT NULL,
  payer varchar(128),
  payee varchar(128),
  asset_symbol varchar(64),
  amount_numeric numeric(38, 18),
  status varchar(32) NOT NULL,
  last_updated timestamp with time zone DEFAULT now()
);

-- migrate:down
DROP TABLE settlement_commands;
