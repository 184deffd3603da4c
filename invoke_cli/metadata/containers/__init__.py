"""Text in image files: PNG chunks, EXIF, XMP, JPEG, WebP and GIF segments, and text hidden in pixels."""
