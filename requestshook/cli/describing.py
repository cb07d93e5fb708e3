"""`schema`: what editors complete and check the YAML files by."""

from __future__ import annotations

import click

from requestshook.cli.group import Command

_FILES = {"annotations": "an annotation file", "config": "requestshook.yaml", "page": "render --format json"}


@click.command(
    "schema",
    cls=Command,
    examples="""
    requestshook schema annotations > annotations.schema.json
    requestshook schema config
    requestshook schema page
    """,
)
@click.argument("file", type=click.Choice(list(_FILES)))
def schema(file: str) -> None:
    """Print the JSON Schema of annotation files, of requestshook.yaml, or of pages as JSON.

    Editors with the YAML language server find it by themselves where a file's first line says so; init and annotate
    write that line, and the schema beside the recordings.
    """
    from requestshook import schemas

    click.echo(schemas.text(file), nl=False)
