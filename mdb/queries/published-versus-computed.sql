-- Published figures beside computed ones, each from the newest comparison that has it.
-- $sample VARCHAR: only figures of this sample
-- $status VARCHAR: only figures that are reproduced, differs or not attempted
SELECT figure, place, sample, quantity, unit, published, computed,
    computed - published AS difference, tolerance, status, mode, remark, validation_id, deposited
FROM validation_row JOIN validation USING (validation_id)
WHERE coalesce(sample = $sample::VARCHAR, true)
QUALIFY validation_id = max(validation_id) OVER (PARTITION BY figure)
AND coalesce(status = $status::VARCHAR, true)
ORDER BY sample, figure, place
