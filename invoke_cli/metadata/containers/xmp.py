"""The XMP packet: provenance by the IPTC's digital source type, written only.

Values: IPTC Photo Metadata 2025.1 and http://cv.iptc.org/newscodes/digitalsourcetype/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from invoke_cli.metadata.codec import Record
from invoke_cli.planning.plan import Plan, Task

KEYWORD = "XML:com.adobe.xmp"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = "trainedAlgorithmicMedia"

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def digital_source_type(record: Record) -> str:
    """The IPTC code: made by a model, or a composite of a model's work and a picture from elsewhere. Where no stage
    changed anything it is the source's own, empty when that is not known.
    """
    plans = [plan for plan, _ in record.stages]
    first = plans[0].init
    if first is not None and _untouched(record):
        return first.source_type or (TRAINED if first.generated else "")
    if all(plan.task is Task.POSTPROCESS for plan in plans):
        return _of_a_fix(plans)
    foreign = first is not None and not first.generated
    kept = any(plan.mask is not None or plan.strength < 1 for plan in plans[:1])
    return "compositeWithTrainedAlgorithmicMedia" if foreign and kept else TRAINED


def _untouched(record: Record) -> bool:
    """Whether no model had a part in the picture."""
    return all(plan.untouched and not plan.postprocessing.clauses() for plan, _ in record.stages)


def _of_a_fix(plans: Sequence[Plan]) -> str:
    """The code of a picture that was only worked on: a foreign one stays a photograph unless a model drew detail."""
    enlargings = [plan.postprocessing.enlarging for plan in plans if plan.postprocessing.enlarging]
    if plans[0].init is None or plans[0].init.generated:
        return TRAINED
    drawn = any(work.diffusion or (work.refining and work.refining.taken) for work in enlargings)
    return "compositeWithTrainedAlgorithmicMedia" if drawn else "algorithmicallyEnhanced"


def packet(record: Record) -> str:
    """The packet as text, for an uncompressed iTXt chunk of the keyword `KEYWORD`."""
    attributes = {"xmp:CreatorTool": f"{record.program} {record.version}"}
    code = digital_source_type(record)
    if code:
        attributes["Iptc4xmpExt:DigitalSourceType"] = SOURCE_TYPES + code
    if not _untouched(record):
        attributes["Iptc4xmpExt:AISystemUsed"] = record.plan.model
        if record.model_sha256:
            attributes["Iptc4xmpExt:AISystemVersionUsed"] = f"sha256:{record.model_sha256[:10]}"
        if not record.plan.output.private:
            attributes["Iptc4xmpExt:AIPromptInformation"] = _prompt_information(record)
    body = "\n  ".join(f"{name}={quoteattr(_NOT_XML.sub('', value))}" for name, value in attributes.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"\n'
        '  xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n'
        f"  {body}/>\n"
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def _prompt_information(record: Record) -> str:
    prompt = record.plan.prompt
    return f"{prompt.positive}\nNegative prompt: {prompt.negative}" if prompt.negative else prompt.positive
