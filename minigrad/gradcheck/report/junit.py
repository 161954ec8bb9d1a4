"""The document as JUnit XML, which continuous-integration servers show."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from minigrad._printable import printable
from minigrad.gradcheck.report.document import Document

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def to_junit(document: Document) -> str:
    """Return the document as JUnit XML: a test case for each case; what cannot be told is skipped, with the reason."""
    s = document["summary"]
    suite = ET.Element(
        "testsuite",
        name="minigrad gradcheck",
        tests=str(s["cases"]),
        failures=str(s["failed"]),
        skipped=str(s["inconclusive"]),
        errors="0",
        time=str(s["seconds"]),
    )
    for case in document["cases"]:
        test = ET.SubElement(suite, "testcase", classname=case["op"], name=case["case"] or case["op"], time=str(case["seconds"]))
        bad = [check for check in case["checks"] if check["verdict"] == case["verdict"] != "pass"]
        if case["verdict"] == "fail":
            message = "; ".join([f"{check['check']} {check['input']}: {check['message']}" for check in bad] + case.get("diagnosis", []))
            ET.SubElement(test, "failure", message=message).text = case.get("repro", "")
        elif case["verdict"] == "cannot tell":
            ET.SubElement(test, "skipped", message="; ".join(check["message"] for check in bad))
    for mutant in document.get("mutants", {}).get("list", []):
        if mutant["outcome"] == "survived":
            test = ET.SubElement(suite, "testcase", classname=mutant["op"], name=f"mutant {mutant['where']}: {mutant['change']}")
            ET.SubElement(test, "failure", message="the suite does not notice this change of the formula")
    for element in suite.iter():
        element.attrib = {name: printable(value) for name, value in element.attrib.items()}
        element.text = element.text and printable(element.text)
    ET.indent(suite)
    return DECLARATION + ET.tostring(suite, encoding="unicode")
