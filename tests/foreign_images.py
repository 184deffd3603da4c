"""One image of each program: its bytes, the program's name, the line that it becomes, and parts of what is missing."""

from __future__ import annotations

import json

from invoke_cli.metadata.containers.xmp import KEYWORD as XMP
from tests import image_files
from tests.foreign_metadata import (
    A1111,
    CANVAS,
    DRAW_THINGS,
    EASY,
    EASY_TITLES,
    FLUX,
    FOOOCUS,
    FORGE_HIRES,
    IMAGINAIRY,
    INVOKEAI_5,
    KOHYA,
    MFLUX,
    NOVELAI,
    SD_NEXT,
    SDCPP,
    SDXL_ADVANCED,
    SWARM,
    comfy,
    comfy_hires,
)
from tests.image_files import USER_COMMENT, unicode_comment


def as_exif(document: object, prefix: bytes = b"") -> bytes:
    """Return an EXIF block whose user comment is this document."""
    return image_files.exif({}, inner={USER_COMMENT: prefix + json.dumps(document).encode()})


def xmp(properties: str) -> str:
    """Return an XMP packet with these properties."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="">{properties}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


EASY_LINE = "a cat -s 25 -S 5 -W 512 -H 640 -C 7.5 -A k_euler_a --neg bad --clip_skip 1"

FORMATS: dict[str, tuple[bytes, str, str, tuple[str, ...]]] = {
    "InvokeAI 5": (
        image_files.png_of({"invokeai_metadata": json.dumps(INVOKEAI_5), "invokeai_graph": "{}"}),
        "InvokeAI 5.1.0",
        "a cat \\[x\\] -s 20 -S 5 -W 512 -H 768 -C 7.5 -A euler_k --neg blurry -I abc.png -f 0.6 --clip_skip 1 "
        "--seamless_axes x",
        ("LoRA ink at 0.5", "canny"),
    ),
    "A1111 in PNG": (
        image_files.png_of({"parameters": A1111}),
        "A1111 v1.10.1",
        "a castle, \\(stone:1.2\\)\\non a hill -s 20 -S 965400086 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg blurry -f 0.6 "
        "--clip_skip 1",
        (
            "LoRA ink at 0.8",
            "(stone:1.2) was kept as text",
            "ADetailer: model face.pt",
            "ControlNet 0: Module: canny",
            "-I",
        ),
    ),
    "Forge with a Hires pass": (
        image_files.png_of({"parameters": FORGE_HIRES}),
        "Forge f2.0.1",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 1 -A k_euler_a",
        ("Distilled CFG Scale: 3.5", "strength of the Hires pass: 0.4", "upscaler 4x, sharp"),
    ),
    "SD.Next in WebP": (
        image_files.webp(exif_block=image_files.exif({}, inner={USER_COMMENT: unicode_comment(SD_NEXT, "utf-16-le")})),
        "SD.Next 4d1f",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 6 -A k_dpmpp_2 --cfg_rescale 0.7",
        (),
    ),
    "A1111 in JPEG": (
        image_files.jpeg(exif_block=image_files.exif({}, inner={USER_COMMENT: unicode_comment(FORGE_HIRES)})),
        "Forge f2.0.1",
        "a castle -s 20 -S 1 -W 512 -H 512 -C 1 -A k_euler_a",
        (),
    ),
    "ComfyUI": (
        image_files.png_of({"prompt": json.dumps(comfy()), "workflow": "{}"}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("LoRA ink.safetensors at 0.8",),
    ),
    "ComfyUI from an image": (
        image_files.png_of({"prompt": json.dumps(comfy(denoise=0.6, latent_image=["13", 0]))}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -C 7 -A dpmpp_2m_k --neg bad -I photo.png -f 0.6 --real_steps 20 --clip_skip 1",
        (),
    ),
    "ComfyUI with a second pass": (
        image_files.png_of({"prompt": json.dumps(comfy_hires())}),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("a further pass: KSampler (15), denoise 0.5", "node FaceMender (16)", "node LatentUpscale (14)"),
    ),
    "ComfyUI, advanced nodes": (
        image_files.png_of({"prompt": json.dumps(FLUX)}),
        "ComfyUI",
        "a cat -s 4 -S 77 -W 1024 -H 512 -A k_euler",
        ("distilled guidance: 3.5",),
    ),
    "ComfyUI, a late start": (
        image_files.png_of({"prompt": json.dumps(SDXL_ADVANCED)}),
        "ComfyUI",
        "a dog -s 20 -S 8 -C 8 -A k_euler_a --neg ugly -I photo.png -f 0.75",
        ("node ControlNetApplyAdvanced (2)",),
    ),
    "ComfyUI's canvas alone": (
        image_files.png_of({"workflow": json.dumps(CANVAS)}),
        "ComfyUI",
        "hello -s 20 -S 156 -W 512 -H 640 -C 8 -A k_euler --neg bye",
        (),
    ),
    "ComfyUI in an animated WebP": (
        image_files.webp(exif_block=image_files.exif(
            {0x0110: b"prompt:" + json.dumps(comfy()).encode(), 0x010F: b"workflow:{}"}
        )),
        "ComfyUI",
        "a cat, on a mat -s 20 -S 1 -W 512 -H 768 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "NovelAI": (
        image_files.png_of(NOVELAI),
        "NovelAI",
        f"\\{{cat\\}}, best -s 28 -S 9 -W {image_files.WIDTH} -H {image_files.HEIGHT} -C 11 -A k_euler_a --neg lowres",
        ("{cat} was kept as text",),
    ),
    "NovelAI, hidden": (
        image_files.stealth(json.dumps(NOVELAI)),
        "NovelAI",
        "\\{cat\\}, best -s 28 -S 9 -W 96 -H 96 -C 11 -A k_euler_a --neg lowres",
        (),
    ),
    "Fooocus": (
        image_files.png_of({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}),
        "Fooocus v2.5.0",
        "a cat -s 30 -S 123 -W 896 -H 1152 -C 4 -A dpmpp_2m_sde_k",
        ("LoRA ink at 0.5", "styles: ['Fooocus V2']", "sharpness: 2.0"),
    ),
    "Fooocus in JPEG": (
        image_files.jpeg(exif_block=image_files.exif({USER_COMMENT: json.dumps(FOOOCUS).encode(), 0x927C: b"fooocus"})),
        "Fooocus v2.5.0",
        "a cat -s 30 -S 123 -W 896 -H 1152 -C 4 -A dpmpp_2m_sde_k",
        (),
    ),
    "Fooocus-MRE": (
        image_files.jpeg(comment=json.dumps({"base_model": "x", "prompt": "a cat", "sampler": "euler", "seed": 4,
                                          "cfg": 5, "steps": 6, "width": 64, "height": 96}).encode()),
        "Fooocus-MRE",
        "a cat -s 6 -S 4 -W 64 -H 96 -C 5 -A k_euler",
        (),
    ),
    "stable-diffusion.cpp": (
        image_files.png_of({"parameters": SDCPP}),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        ("LoRA ink at 0.5", "custom_sigmas: [14.6, 7, 0]"),
    ),
    "stable-diffusion.cpp in JPEG": (
        image_files.jpeg(comment=b"parameters\0" + SDCPP.encode() + b"\0"),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "stable-diffusion.cpp in WebP": (
        image_files.webp(xmp=xmp(
            '<sdcpp:parameters xmlns:sdcpp="https://github.com/leejet/stable-diffusion.cpp/ns/1.0/">'
            + SDCPP.replace("<", "&lt;") + "</sdcpp:parameters>"
        )),
        "stable-diffusion.cpp",
        "a cat -s 20 -S 42 -W 512 -H 640 -C 7 -A dpmpp_2m_k --neg bad --clip_skip 1",
        (),
    ),
    "imaginAIry": (
        image_files.jpeg(exif_block=image_files.exif(
            {USER_COMMENT: json.dumps(IMAGINAIRY).encode(), 0x0131: b"Imaginairy / Stable Diffusion v1.5\0"}
        )),
        "Imaginairy / Stable Diffusion v1.5",
        "a cat, a hat -s 30 -S 4 -W 512 -H 640 -C 7.5 -A ddim --neg ugly -f 0.65",
        ("weight: 0.5 of a hat", "upscale: true", "pass it with -I"),
    ),
    "mflux": (
        image_files.png(image_files.chunk(b"eXIf", as_exif(MFLUX, b"ASCII\0\0\0"))),
        "mflux 0.6",
        "a cat -s 4 -S 7 -W 640 -H 512 -C 3.5 -I me.png -f 0.7",
        ("LoRA ink.safetensors at 0.5", "quantize: 8"),
    ),
    "kohya": (
        image_files.png_of(KOHYA),
        "kohya gen_img",
        f"a cat -s 20 -S 5 -W {image_files.WIDTH} -H {image_files.HEIGHT} -C 7.5 -A k_euler_a --neg bad",
        ("crop-top: 3",),
    ),
    "Easy Diffusion": (
        image_files.png_of({key: str(value) for key, value in EASY.items()}),
        "Easy Diffusion",
        EASY_LINE,
        (),
    ),
    "Easy Diffusion, title words": (image_files.png_of(EASY_TITLES), "Easy Diffusion", EASY_LINE, ()),
    "Easy Diffusion in JPEG": (image_files.jpeg(exif_block=as_exif(EASY)), "Easy Diffusion", EASY_LINE, ()),
    "SwarmUI": (
        image_files.png_of({"parameters": json.dumps(SWARM)}),
        "SwarmUI 0.9",
        "a cat -s 20 -S 3 -W 512 -H 640 -C 7 -A euler_k --neg bad --clip_skip 1",
        ("vae: special",),
    ),
    "SwarmUI in JPEG": (
        image_files.jpeg(exif_block=image_files.exif({}, inner={USER_COMMENT: unicode_comment(json.dumps(SWARM))})),
        "SwarmUI 0.9",
        "a cat -s 20 -S 3 -W 512 -H 640 -C 7 -A euler_k --neg bad --clip_skip 1",
        (),
    ),
    "Draw Things": (
        image_files.png_of({XMP: xmp(
            '<exif:UserComment xmlns:exif="http://ns.adobe.com/exif/1.0/"><rdf:Alt><rdf:li xml:lang="x-default">'
            + json.dumps(DRAW_THINGS).replace("&", "&amp;").replace("<", "&lt;")
            + "</rdf:li></rdf:Alt></exif:UserComment>"
        )}),
        "Draw Things",
        "a cat & a \\<dog> -s 20 -S 6 -W 512 -H 640 -C 7.5 -A dpmpp_2m_k --neg bad",
        (),
    ),
}  # fmt: skip
