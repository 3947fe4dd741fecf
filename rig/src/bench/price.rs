//! What moving rows costs in Azure.

/// US dollars for a second of CPU time, and for a gigabyte sent. Source: Azure's prices for Flex Consumption on demand ($0.000026 a GB-second, 2 GB of
/// memory for each core) and for traffic to the internet (after the first 100 GB of a month, from Europe or North America).
const CPU_SECOND: f64 = 0.000_052;
const EGRESS_GIGABYTE: f64 = 0.087;

/// What a terabyte of rows costs, in US dollars: its CPU time, and the compressed bytes that leave Azure. Where a byte on the wire stands for `ratio`
/// bytes of rows.
pub(super) fn terabyte(megabytes_per_cpu_second: f64, ratio: f64) -> f64 {
    1e6 / megabytes_per_cpu_second * CPU_SECOND + 1e3 / ratio * EGRESS_GIGABYTE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terabyte_costs_its_cpu_time_and_its_egress() {
        for (efficiency, ratio, wanted) in [(500.0, 10.0, 0.104 + 8.7), (50.0, 1.0, 1.04 + 87.0)] {
            assert!((terabyte(efficiency, ratio) - wanted).abs() < 1e-9, "{efficiency} {ratio}");
        }
    }
}
