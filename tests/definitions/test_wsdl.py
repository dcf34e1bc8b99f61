"""WSDL 1.1."""

import pytest

from apis.definitions import Operation, Server, parse
from portal.errors import Invalid

TEXT = """<?xml version="1.0"?>
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" name="Stock">
  <types><schema xmlns="http://www.w3.org/2001/XMLSchema">
    <element name="Price"/><import schemaLocation="http://other/x.xsd"/>
  </schema></types>
  <portType name="P"><operation name="GetPrice"><documentation>The price.</documentation></operation></portType>
  <binding name="B" type="P">
    <s:binding style="document"/>
    <operation name="GetPrice"><s:operation soapAction="urn:price"/></operation>
  </binding>
  <service name="StockQuote"><port name="Q" binding="B"><s:address location="http://stock.example/q"/></port></service>
</definitions>"""


def test_wsdl_is_read():
    found = parse(TEXT)
    assert (found.format, found.title) == ("wsdl-1.1", "StockQuote")
    assert found.operations == (Operation("SOAP", "GetPrice", "urn:price", "The price.", "The price."),)
    assert found.servers == (Server("http://stock.example/q"),)
    assert found.schemas == ("Price",)
    assert [(finding.code, finding.line) for finding in found.findings] == [("external-ref", 4)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('<!DOCTYPE d [<!ENTITY a "b">]>\n<d>&a;</d>', 1),
        ("<html/>", 1),
        (TEXT.replace("</types>", ""), 12),
        ("<", 1),
        ("<definitions xmlns='http://schemas.xmlsoap.org/wsdl/'>\n" + "<a>" * 300, 2),
    ],
)
def test_hostile_or_broken_xml_is_refused_with_line(text, line):
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert caught.value.line == line
