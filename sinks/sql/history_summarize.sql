-- The index by batch knows of new pages only after a vacuum, or when it is asked to look; nobody waits for it.
SELECT brin_summarize_new_values('manifest_decided')
