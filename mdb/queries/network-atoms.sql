-- Atoms of one network with coordinates in angstrom, and the motifs that each caps or rings.
-- $analysis INTEGER, required: the analysis
-- $network INTEGER, required: the network, as `largest-networks` numbers it
WITH members AS (
    SELECT motif, fold, cap_1, cap_2, ring
    FROM motif JOIN network_member USING (analysis_id, motif)
    WHERE analysis_id = $analysis AND network = $network
),
places AS (
    SELECT motif, unnest([cap_1, cap_2]) AS atom, true AS cap FROM members
    UNION ALL
    SELECT motif, unnest(ring), false FROM members
),
roles AS (
    SELECT atom,
        coalesce(list(motif ORDER BY motif) FILTER (cap), []) AS caps,
        coalesce(list(motif ORDER BY motif) FILTER (NOT cap), []) AS rings
    FROM places GROUP BY atom
)
SELECT model_id, analysis_id, cutoff, delta, atom, species, type, x, y, z, caps, rings
FROM analysis JOIN atom USING (model_id) JOIN roles USING (atom)
WHERE analysis_id = $analysis AND status = 'passed'
ORDER BY atom
