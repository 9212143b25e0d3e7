"""Mistakes in overlays/postgresql that its checks must find, as in mutations.py."""

COMMON = "/overlays/postgresql/common/"
INVOICE_APP = "/overlays/postgresql/invoice-app/"
DATABASE = "/overlays/postgresql/evaluation/database/"

MUTATIONS = [
    ("/overlays/openshift/kustomization.yaml", "5353, protocol: UDP", "53, protocol: UDP",
     "test_differs_only_in_users_and_dns"),
    # Files
    ("invoice-app/Kustomization", "  - pdb.yaml\n", "",
     "test_all_are_named_by_the_kustomization_of_their_folder"),
    (COMMON + "forgotten.yaml", None, "kind: ConfigMap\n",
     "test_all_are_named_by_the_kustomization_of_their_folder"),
    (INVOICE_APP + "kustomization.yaml", "../../../k8s/invoice-app", "../../../k8s/invoice",
     "test_all_are_named_by_the_kustomization_of_their_folder"),
    ("invoice-app/kustomization.yaml", None, "kind: Kustomization\n",
     "test_plain_manifests_can_be_applied_without_kustomize"),
    # The services
    (COMMON + "deployment.yaml", "nodeTaintsPolicy", "nodeTaintPolicy",
     "test_has_only_fields_that_kubernetes_knows"),
    (DATABASE + "statefulset.yaml", "fsGroupChangePolicy", "fsGroupPolicy",
     "test_has_only_fields_that_kubernetes_knows"),
    (COMMON + "kustomization.yaml", "kind: ResourceQuota\n", "kind: PodDisruptionBudget\n",
     "test_changes_only_what_postgresql_needs"),
    (INVOICE_APP + "deployment.yaml", "mountPath: /etc/database\n              readOnly: true",
     "mountPath: /etc/database", "test_pods_have_no_volume_but_secrets"),
    (COMMON + "kustomization.yaml", "DATABASE_URL: null", "LOG_LEVEL: info",
     "test_pods_take_the_url_from_a_secret"),
    (COMMON + "deployment.yaml", "      affinity: null\n", "",
     "test_pods_are_spread_over_nodes_and_zones"),
    (COMMON + "deployment.yaml", "component: api", "component: database",
     "test_pods_are_spread_over_nodes_and_zones"),
    (INVOICE_APP + "cronjob.yaml", "            - name: data\n              $patch: delete\n", "",
     "test_pods_have_no_volume_but_secrets"),
    (COMMON + "deployment.yaml", 'topologySpreadConstraint-exempt: "false"',
     'other-exempt: "true"',
     "test_has_no_other_exemptions_from_the_linters"),
    *(
        (path, old, new, "test_policies_admit_the_database_and_nothing_else")
        for path, old, new in (
            (COMMON + "networkpolicy.yaml", "    - to:\n        - podSelector:\n",
             "    - to:\n        - namespaceSelector: {}\n          podSelector:\n"),
            (COMMON + "networkpolicy.yaml", "        - port: 5432\n          protocol: TCP\n    # DNS",
             "        - port: 5432\n          endPort: 5433\n          protocol: TCP\n"
             "        - port: 22\n    # DNS"),
            (COMMON + "networkpolicy.yaml", "    - Egress\n", "    - Ingress\n"),
            (DATABASE + "networkpolicy.yaml", "        - podSelector:",
             "        - namespaceSelector: {}\n          podSelector:"),
            (DATABASE + "networkpolicy.yaml", "            matchExpressions:\n"
             "              - key: app.kubernetes.io/component\n                operator: In\n"
             "                values:\n                  - api\n                  - audit\n",
             "            matchLabels: {}\n"),
            (DATABASE + "networkpolicy.yaml", "- api\n", "- other\n"),
        )
    ),
    # The databases for evaluation
    (DATABASE + "statefulset.yaml", "runAsUser: 999", "runAsUser: 0",
     "test_meets_the_restricted_pod_security_standard"),
    (DATABASE + "statefulset.yaml", "data/pgdata", "data",
     "test_writes_to_its_volume_and_to_memory_only"),
    (DATABASE + "statefulset.yaml", "max_wal_size=256MB", "max_wal_size=1GB",
     "test_leaves_room_on_its_volume_beside_its_log"),
    (DATABASE + "databases.sh", ":[a-z0-9_]+$ ]]", ":.+$ ]]",
     "test_creates_roles_for_plain_urls_only"),
    (DATABASE + "statefulset.yaml", "path: database-url", "path: url",
     "test_takes_its_password_from_the_secret_of_the_service"),
    (DATABASE + "statefulset.yaml", "memory: 512Mi", "memory: 768Mi",
     "test_fits_into_the_quota_beside_the_service"),
]  # fmt: skip
