"""A settlement service as a developer may write it for Cloud Run, with SQLAlchemy and asyncpg; see docs/DEPLOYMENT.md."""

import hashlib
import json
import os
from decimal import Decimal

import uvicorn
from sqlalchemy import Column, MetaData, Numeric, String, Table, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

NAMES = "command_id workflow_id account_ref payer payee asset_symbol status".split()
COMMANDS = Table(
    "settlement_commands",
    MetaData(),
    *(Column(name, String, primary_key=name == "command_id") for name in NAMES),
    Column("amount_numeric", Numeric(38, 18)),
)

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=5)


def plain(value):
    return format(value, "f") if isinstance(value, Decimal) else value


async def store(connection, sent):
    command = {"status": "RECEIVED", **sent}
    if "amount_numeric" in command:
        command["amount_numeric"] = Decimal(command["amount_numeric"])
    await connection.execute(insert(COMMANDS).values(command).on_conflict_do_nothing())
    return await find(connection, command["command_id"])


async def find(connection, command_id):
    rows = await connection.execute(select(COMMANDS).where(COMMANDS.c.command_id == command_id))
    row = rows.mappings().first()
    return row and {name: plain(value) for name, value in row.items()}


def read_as_account(url):
    """Reads an API of Google with the default credentials."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession, Request
    from google.oauth2 import id_token

    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    status = AuthorizedSession(credentials).get(url).status_code
    parts = len(id_token.fetch_id_token(Request(), "https://other.example").split("."))
    return {"project": project, "account": credentials.service_account_email, "status": status, "parts": parts}


async def answer(method, path, body):
    resource, _, command_id = path[1:].partition("/")
    if (method, path) == ("GET", "/health"):
        async with engine.connect() as connection:
            user = await connection.scalar(text("select current_user"))
        url = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest()
        return 200, {"status": "ok", "user": user, "environment": sorted(os.environ), "url": url}
    if (method, path) == ("POST", "/google"):
        return 200, read_as_account(body["url"])
    if (method, path) == ("POST", "/commands"):
        async with engine.begin() as connection:
            return 200, await store(connection, body)
    if (method, path) == ("POST", "/smoke-test"):
        async with engine.connect() as connection:
            row = await store(connection, body)
            await connection.rollback()
        return 200, row
    if (method, resource) == ("GET", "commands"):
        async with engine.connect() as connection:
            row = await find(connection, command_id)
        return (200, row) if row else (404, None)
    return 404, None


async def app(scope, receive, send):
    sent, more = b"", True
    while more:
        message = await receive()
        sent, more = sent + message.get("body", b""), message.get("more_body", False)
    status, body = await answer(scope["method"], scope["path"], json.loads(sent) if sent else None)
    await send(
        {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
    )
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


if __name__ == "__main__":
    print(json.dumps({"severity": "NOTICE", "message": "the Python service starts"}), flush=True)
    uvicorn.run(app, host="0.0.0.0", port=int(os.environ["PORT"]), lifespan="off", access_log=False)
