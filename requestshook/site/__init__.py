"""A documentation site around the pages: its project, the list of its pages, and its copy of Mermaid."""
