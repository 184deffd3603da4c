"""Text and properties inside image files: PNG chunks, EXIF, XMP, JPEG, WebP and GIF segments, hidden text."""
