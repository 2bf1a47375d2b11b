# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""Is the end the end? Signed states and receipts say how far a chain reached; nothing else can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from collector.chain_check import ChainChecker, ChainName
from collector.findings import Finding
from collector.segments import MAGIC, Damage, scan
from gateway_agent.errors import ConfigError, WireError
from gateway_agent.model import Lane
from gateway_agent.wire import cbor
from gateway_agent.wire.cose import parse_sign1
from gateway_agent.wire.key_succession import KeySuccession
from gateway_agent.wire.receipt import open_receipt
from gateway_agent.wire.state import open_state

CONTENT_RECEIPT = 65002
CONTENT_STATE = 65003

Keys = Mapping[bytes, Ed25519PublicKey]


def refuse_unsigned(file: Path) -> None:
    """Look at a file that somebody brought as evidence, before anything is checked against it.

    Raises:
        ConfigError: it is neither a signed state nor a receipt nor a log of receipts. A wrong signature is no reason: that is a finding.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}; evidence is a file with one signed state or receipt") from error
    try:
        is_evidence = data.startswith(MAGIC) or parse_sign1(data).content_type in (CONTENT_RECEIPT, CONTENT_STATE)
    except WireError:
        is_evidence = False
    if not is_evidence:
        raise ConfigError(f"{file}: neither a signed state nor a receipt; evidence is a file with one of them")


RECEIPTS_LOG = "receipts.log"


class Claim(NamedTuple):
    """Somebody signed that a chain reached this number, whose hash is `digest`."""

    chain: ChainName
    number: int
    digest: bytes
    by: str


class TailChecker:
    """Compares signed claims with the chains that were read."""

    def __init__(
        self,
        chains: ChainChecker,
        gateway_keys: Keys,
        collector_keys: Keys,
        successions: Mapping[bytes, KeySuccession] | None = None,
    ) -> None:
        self._successions = dict(successions or {})
        self._chains = chains
        self._report = chains.report
        self._gateway_keys = gateway_keys
        self._collector_keys = collector_keys

    def read(self, file: Path, name: str) -> None:
        """Take a file: one signed state or receipt, or a journal's log of receipts."""
        try:
            data = file.read_bytes()
        except OSError as error:
            self._report.problem(Finding("evidence", name, 0, error.strerror or "cannot be read"))
            return
        for offset, signed in self._signed(data, name):
            try:
                for claim in self._claims(signed, name, offset):
                    self._report.evidence += 1
                    self._compare(claim, name, offset)
            except WireError as error:
                self._report.problem(Finding(error.name, name, offset, error.detail))
            except KeyError as error:
                detail = f"signed by {error.args[0].hex()}, whose public key was not given"
                self._report.note(Finding("not_checked", name, offset, detail))

    def _signed(self, data: bytes, name: str) -> Iterator[tuple[int, bytes]]:
        if (
            not data.startswith(MAGIC) and Path(name).name != RECEIPTS_LOG
        ):  # whose first entry a power cut may have torn
            yield 0, data
            return
        for found in scan(data):
            if isinstance(found, Damage):
                self._report.note(
                    Finding(
                        "damage", name, found.offset, f"{found.length_bytes} bytes of the receipts' log are no entry"
                    )
                )
                continue
            try:
                value = cbor.decode(found.body)
            except WireError as error:
                self._report.problem(Finding(error.name, name, found.offset, error.detail))
                continue
            match value:
                case [int(), bytes(), int(), bytes(), bytes(signed)]:
                    if signed:  # without a collector the broker's PUBACK stands for a receipt, and nobody signs it
                        yield found.offset, signed
                case [int(), bytes(), int()]:
                    pass  # the mark of a contradicted instance: the gateway's own note, which nobody signs
                case _:
                    detail = "an entry of the receipts' log that is not [lane, instance, number, link, receipt]"
                    self._report.problem(Finding("EntryShape", name, found.offset, detail))

    def _claims(self, signed: bytes, name: str, offset: int) -> Iterator[Claim]:
        sign1 = parse_sign1(signed)
        if sign1.content_type == CONTENT_STATE:
            state = open_state(signed, self._gateway_keys[sign1.key_id])
            objection = self._chains.objection(state.gateway_id, sign1.key_id)
            if objection is not None:
                kind, detail = objection
                self._report.problem(Finding(kind, name, offset, f"a state is {detail}"))
                return
            succession = self._successions.get(sign1.key_id)
            for head in state.heads:
                if (
                    succession is not None
                ):  # a will may be older than the change of the key; its numbers are lower bounds
                    succession.check(sign1.key_id, head.lane, head.instance, head.number, is_gap=True)
                yield Claim(
                    (state.gateway_id, int(head.lane), head.instance), head.number, head.link, "the gateway's state"
                )
        elif sign1.content_type == CONTENT_RECEIPT:
            receipt = open_receipt(signed, self._collector_keys[sign1.key_id])
            yield Claim(
                (receipt.gateway_id, int(receipt.lane), receipt.instance), receipt.number, receipt.link, "a receipt"
            )
        else:
            raise WireError("CoseContentType", f"{sign1.content_type} is neither a state nor a receipt")

    def _compare(self, claim: Claim, name: str, offset: int) -> None:
        if claim.number == 0:
            return
        gateway_id, lane, instance = claim.chain
        words = f"{gateway_id} {Lane(lane).word} {instance.hex()}"
        chain = self._chains.chains.get(claim.chain)
        if chain is None or chain.report.last < claim.number:
            last = 0 if chain is None else chain.report.last
            is_lane_here = any(known[:2] == (gateway_id, lane) for known in self._chains.chains)
            if chain is None and self._report.kind == "journal" and is_lane_here:
                return  # an older instance, deleted after its receipt; a journal keeps the last segment of each lane
            finding = Finding(
                "tail", name, offset, f"{words}: {claim.by} names number {claim.number}, what is here ends with {last}"
            )
            if chain is None:
                self._report.problem(finding)
            else:
                self._chains.problem(chain, finding)
            return
        known = (
            chain.report.last_digest or claim.digest
            if claim.number == chain.report.last
            # A receipt may come after its batch was given up: then it names what the gap stands for.
            else chain.gap_links.get(claim.number) or chain.digests.get(claim.number, claim.digest)
        )
        if known != claim.digest:
            self._chains.problem(
                chain, Finding("fork", name, offset, f"{words}: {claim.by} names another number {claim.number}")
            )
            return
        chain.report.confirmed_to = max(chain.report.confirmed_to, claim.number)
