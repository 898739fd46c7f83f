"""The flow, one way only: every stage by name, in order."""

from __future__ import annotations

import apache_beam as beam

from pipeline.deliver import Publish, Stage
from pipeline.job import Job
from pipeline.launcher import Due, Reporter
from pipeline.read import Read
from schemas.lineage import refuse_links
from schemas.stages import Range
from transforms.anonymise import Anonymise
from transforms.fused import Fused
from transforms.guard import Guard
from transforms.keys import KeyReference
from transforms.merge import Gather, Merge
from transforms.parse import Parse
from transforms.tally import Tally


def flow(
    pipeline: beam.Pipeline,
    job: Job,
    key: KeyReference,
    reporter: Reporter | None = None,
    due: Due | None = None,
    content: type[bytes] = bytes,
) -> beam.PCollection[int]:
    """Ranges of the input files in, one commit out. One chain: no branch, no side input, no second sink (DESIGN.md 2).

    `due` tells digests that were not waited for. `content` is the type of sealed tallies: Held where the run's processes
    are of one family.
    """
    refuse_links(job.fields, job.trends)  # no type, table or file holds a network beside an identity
    return (
        pipeline
        | "Plan" >> beam.Create(job.ranges, reshuffle=False).with_output_types(Range)
        | "Spread" >> beam.Reshuffle()  # the only fusion break before Merge: ~100 bytes a Range, no content
        | "Digest"  # one fused stage: raw lines never leave it
        >> Fused(
            Read(job.chunk_bytes, reporter, job.formats),  # Range → Chunk
            Parse(job.policy, job.fields, job.formats, job.written),  # Chunk → Events
            Anonymise(job.policy, job.fields, job.forced_site, job.geo_db, key, job.forgotten),  # → PseudonymousEvents
            Tally(job.policy, job.trends, job.shares, key),  # PseudonymousEvents → Sealed
            content=content,
        )
        | "Merge" >> Merge(key, job.shares, content)  # (number, sealed tally), one a number
        | "Gather" >> Gather(job.sites, job.shares, content)  # (site number, its sealed tallies)
        | "Guard" >> Guard(job.policy, job.trends, job.terms, key)  # Released of each profile: k neighbourhoods a row
        | "Stage" >> Stage(job)  # Parquet in a staging folder
        | "Publish" >> Publish(job, key, due)  # one commit, and before it the noise of a profile that has any
    )
