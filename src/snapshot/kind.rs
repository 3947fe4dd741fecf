//! What there are snapshots of: Azure's name for it, ours, and the columns of its CSV. Pure.
//!
//! Sources: "Azure Resource Graph sample queries for Microsoft Defender for Cloud"; REST reference of Defender for Cloud for what stands in `properties`.
//! The case of the keys in it differs between records, and is ignored where we look one up.

/// A kind of record in the table `securityresources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Security alerts
    Alerts,
    /// Recommendations, one for each resource that was assessed (assessments)
    Recommendations,
    /// Findings below recommendations, such as vulnerabilities (sub-assessments)
    SubAssessments,
    /// Secure scores of subscriptions
    SecureScores,
    /// The controls that make up secure scores
    SecureScoreControls,
    /// Regulatory compliance by standard
    ComplianceStandards,
    /// Regulatory compliance by control of a standard
    ComplianceControls,
    /// Regulatory compliance by assessment of a control
    ComplianceAssessments,
    /// Attack paths (Defender CSPM)
    AttackPaths,
}

/// How severe, in Azure's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Severity {
    /// Of attack paths and recommendations with a risk alone
    Critical,
    /// High
    High,
    /// Medium
    Medium,
    /// Low
    Low,
    /// Of alerts alone
    Informational,
}

/// A column of CSV: its name, and where its value stands in a record.
pub(super) type Column = (&'static str, &'static str);

/// Columns that all kinds begin with.
pub(super) const COMMON: &[Column] = &[
    ("id", "id"),
    ("name", "name"),
    ("type", "type"),
    ("tenantId", "tenantId"),
    ("subscriptionId", "subscriptionId"),
    ("resourceGroup", "resourceGroup"),
    ("location", "location"),
];

/// The last column of all kinds: all that is not above, as JSON.
pub(super) const PROPERTIES: &str = "properties";

/// What is known of a kind.
pub(super) struct Facts {
    /// As Azure calls it. Upper and lower case do not matter.
    pub(super) resource_type: &'static str,
    /// The table, from which the dataset gets its name.
    pub(super) table: &'static str,
    /// Where the severity may stand; nowhere for kinds that have none.
    pub(super) severity: &'static [&'static str],
    /// Columns of its own.
    pub(super) columns: &'static [Column],
}

impl Kind {
    /// The table of its records, from which the dataset gets its name.
    #[must_use]
    pub fn table(self) -> &'static str {
        self.facts().table
    }

    /// Whether its records have a severity.
    #[must_use]
    pub fn has_severity(self) -> bool {
        !self.facts().severity.is_empty()
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        word(&self)
    }

    pub(super) fn facts(self) -> Facts {
        match self {
            Self::Alerts => ALERTS,
            Self::Recommendations => RECOMMENDATIONS,
            Self::SubAssessments => SUB_ASSESSMENTS,
            Self::SecureScores => SECURE_SCORES,
            Self::SecureScoreControls => SECURE_SCORE_CONTROLS,
            Self::ComplianceStandards => COMPLIANCE_STANDARDS,
            Self::ComplianceControls => COMPLIANCE_CONTROLS,
            Self::ComplianceAssessments => COMPLIANCE_ASSESSMENTS,
            Self::AttackPaths => ATTACK_PATHS,
        }
    }
}

impl Severity {
    /// The word of the command line, which is Azure's but for its case.
    pub(super) fn word(self) -> String {
        word(&self)
    }
}

fn word(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

const ALERTS: Facts = Facts {
    resource_type: "microsoft.security/locations/alerts",
    table: "DefenderAlertsSnapshot",
    // Microsoft's samples have the one, records of other users the other.
    severity: &["properties.Severity", "properties.severity"],
    columns: &[
        ("severity", "properties.severity"),
        ("status", "properties.status"),
        ("alertDisplayName", "properties.alertDisplayName"),
        ("alertType", "properties.alertType"),
        ("systemAlertId", "properties.systemAlertId"),
        ("compromisedEntity", "properties.compromisedEntity"),
        ("intent", "properties.intent"),
        ("startTimeUtc", "properties.startTimeUtc"),
        ("endTimeUtc", "properties.endTimeUtc"),
        ("timeGeneratedUtc", "properties.timeGeneratedUtc"),
        ("productName", "properties.productName"),
        ("isIncident", "properties.isIncident"),
        ("description", "properties.description"),
        ("alertUri", "properties.alertUri"),
    ],
};

const RECOMMENDATIONS: Facts = Facts {
    resource_type: "microsoft.security/assessments",
    table: "DefenderAssessmentsSnapshot",
    severity: &["properties.metadata.severity"],
    columns: &[
        ("displayName", "properties.displayName"),
        ("severity", "properties.metadata.severity"),
        ("riskLevel", "properties.risk.level"),
        ("statusCode", "properties.status.code"),
        ("statusCause", "properties.status.cause"),
        ("statusDescription", "properties.status.description"),
        ("firstEvaluationDate", "properties.status.firstEvaluationDate"),
        ("statusChangeDate", "properties.status.statusChangeDate"),
        ("resourceSource", "properties.resourceDetails.source"),
        ("resourceId", "properties.resourceDetails.id"),
        ("assessmentType", "properties.metadata.assessmentType"),
        ("categories", "properties.metadata.categories"),
        ("remediationDescription", "properties.metadata.remediationDescription"),
        ("azurePortalLink", "properties.links.azurePortal"),
    ],
};

const SUB_ASSESSMENTS: Facts = Facts {
    resource_type: "microsoft.security/assessments/subassessments",
    table: "DefenderSubAssessmentsSnapshot",
    severity: &["properties.status.severity"],
    columns: &[
        ("displayName", "properties.displayName"),
        ("findingId", "properties.id"),
        ("severity", "properties.status.severity"),
        ("statusCode", "properties.status.code"),
        ("statusCause", "properties.status.cause"),
        ("category", "properties.category"),
        ("impact", "properties.impact"),
        ("remediation", "properties.remediation"),
        ("timeGenerated", "properties.timeGenerated"),
        ("resourceSource", "properties.resourceDetails.source"),
        ("resourceId", "properties.resourceDetails.id"),
        ("description", "properties.description"),
    ],
};

const SECURE_SCORES: Facts = Facts {
    resource_type: "microsoft.security/securescores",
    table: "DefenderSecureScoresSnapshot",
    severity: &[],
    columns: &[
        ("displayName", "properties.displayName"),
        ("current", "properties.score.current"),
        ("max", "properties.score.max"),
        ("percentage", "properties.score.percentage"),
        ("weight", "properties.weight"),
    ],
};

const SECURE_SCORE_CONTROLS: Facts = Facts {
    resource_type: "microsoft.security/securescores/securescorecontrols",
    table: "DefenderSecureScoreControlsSnapshot",
    severity: &[],
    columns: &[
        ("displayName", "properties.displayName"),
        ("current", "properties.score.current"),
        ("max", "properties.score.max"),
        ("percentage", "properties.score.percentage"),
        ("weight", "properties.weight"),
        ("healthyResourceCount", "properties.healthyResourceCount"),
        ("unhealthyResourceCount", "properties.unhealthyResourceCount"),
        ("notApplicableResourceCount", "properties.notApplicableResourceCount"),
    ],
};

const COMPLIANCE_STANDARDS: Facts = Facts {
    resource_type: "microsoft.security/regulatorycompliancestandards",
    table: "DefenderComplianceStandardsSnapshot",
    severity: &[],
    columns: &[
        ("state", "properties.state"),
        ("passedControls", "properties.passedControls"),
        ("failedControls", "properties.failedControls"),
        ("skippedControls", "properties.skippedControls"),
        ("unsupportedControls", "properties.unsupportedControls"),
    ],
};

const COMPLIANCE_CONTROLS: Facts = Facts {
    resource_type: "microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols",
    table: "DefenderComplianceControlsSnapshot",
    severity: &[],
    columns: &[
        ("description", "properties.description"),
        ("state", "properties.state"),
        ("passedAssessments", "properties.passedAssessments"),
        ("failedAssessments", "properties.failedAssessments"),
        ("skippedAssessments", "properties.skippedAssessments"),
    ],
};

const COMPLIANCE_ASSESSMENTS: Facts = Facts {
    resource_type: "microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments",
    table: "DefenderComplianceAssessmentsSnapshot",
    severity: &[],
    columns: &[
        ("description", "properties.description"),
        ("state", "properties.state"),
        ("assessmentType", "properties.assessmentType"),
        ("assessmentDetailsLink", "properties.assessmentDetailsLink"),
        ("passedResources", "properties.passedResources"),
        ("failedResources", "properties.failedResources"),
        ("skippedResources", "properties.skippedResources"),
        ("unsupportedResources", "properties.unsupportedResources"),
    ],
};

const ATTACK_PATHS: Facts = Facts {
    resource_type: "microsoft.security/attackpaths",
    table: "DefenderAttackPathsSnapshot",
    severity: &["properties.riskLevel"],
    columns: &[
        ("displayName", "properties.displayName"),
        ("riskLevel", "properties.riskLevel"),
        ("riskCategories", "properties.riskCategories"),
        ("description", "properties.description"),
    ],
};
