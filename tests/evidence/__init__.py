"""The published facts about the service, compared with both packages."""
