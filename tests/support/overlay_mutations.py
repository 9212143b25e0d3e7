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
    (COMMON + "kustomization.yaml", "      $patch: delete\n", "",
     "test_changes_only_what_postgresql_needs"),
    (COMMON + "kustomization.yaml", "kind: ResourceQuota\n", "kind: PodDisruptionBudget\n",
     "test_changes_only_what_postgresql_needs"),
    (INVOICE_APP + "kustomization.yaml", "namespace: invoicing", "namespace: payments",
     "test_changes_only_what_postgresql_needs"),
    (COMMON + "deployment.yaml", "        - name: data\n          $patch: delete\n", "",
     "test_pods_have_no_volume_but_secrets"),
    (INVOICE_APP + "deployment.yaml", "mountPath: /etc/database\n              readOnly: true",
     "mountPath: /etc/database", "test_pods_have_no_volume_but_secrets"),
    (COMMON + "kustomization.yaml", "DATABASE_URL: null", "LOG_LEVEL: info",
     "test_pods_take_the_url_from_a_secret"),
    (COMMON + "deployment.yaml", "secretName: database", "secretName: databases",
     "test_pods_take_the_url_from_a_secret"),
    (INVOICE_APP + "deployment.yaml", "value: /etc/database/url", "value: /etc/url",
     "test_pods_take_the_url_from_a_secret"),
    *(
        (COMMON + "deployment.yaml", old, new, "test_pods_are_spread_over_nodes_and_zones")
        for old, new in (
            ("      affinity: null\n", ""),
            ("DoNotSchedule", "ScheduleAnyway"),
            ("ScheduleAnyway", "DoNotSchedule"),
            ("          nodeTaintsPolicy: Honor\n", ""),
            ("nodeTaintsPolicy: Honor", "nodeTaintsPolicy: Honor\n          minDomains: 2"),
            ("component: api", "component: database"),
            ("topologyKey: kubernetes.io/hostname", "topologyKey: topology.kubernetes.io/region"),
        )
    ),
    (INVOICE_APP + "cronjob.yaml", "          affinity: null\n", "",
     "test_the_audit_may_run_on_any_node"),
    (INVOICE_APP + "cronjob.yaml", "            - name: data\n              $patch: delete\n", "",
     "test_pods_have_no_volume_but_secrets"),
    (COMMON + "deployment.yaml", "tolerationSeconds: 30", "tolerationSeconds: 300",
     "test_pods_of_a_lost_node_are_soon_replaced"),
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
            (COMMON + "networkpolicy.yaml", "k8s-app: kube-dns", "k8s-app: other"),
            (COMMON + "networkpolicy.yaml", "    - Egress\n", "    - Ingress\n"),
            (DATABASE + "networkpolicy.yaml", "egress: []", "egress: [{}]"),
            (DATABASE + "networkpolicy.yaml", "        - podSelector:",
             "        - namespaceSelector: {}\n          podSelector:"),
            (DATABASE + "networkpolicy.yaml", "            matchExpressions:\n"
             "              - key: app.kubernetes.io/component\n                operator: In\n"
             "                values:\n                  - api\n                  - audit\n",
             "            matchLabels: {}\n"),
            (DATABASE + "networkpolicy.yaml", "- api\n", "- other\n"),
            (DATABASE + "networkpolicy.yaml", "- audit\n", "- other\n"),
            (COMMON + "networkpolicy.yaml", "- audit\n", "- other\n"),
        )
    ),
    # The databases for evaluation
    (DATABASE + "statefulset.yaml", "replicas: 1", "replicas: 2", "test_is_one_in_each_namespace"),
    ("/overlays/postgresql/evaluation/payments/kustomization.yaml", "namespace: payments",
     "namespace: invoicing", "test_is_one_in_each_namespace"),
    (DATABASE + "statefulset.yaml", "runAsUser: 999", "runAsUser: 0",
     "test_meets_the_restricted_pod_security_standard"),
    (DATABASE + "statefulset.yaml", "                - ALL\n", "                - CHOWN\n",
     "test_meets_the_restricted_pod_security_standard"),
    (DATABASE + "statefulset.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
     "test_writes_to_its_volume_and_to_memory_only"),
    (DATABASE + "statefulset.yaml", "data/pgdata", "data",
     "test_writes_to_its_volume_and_to_memory_only"),
    (DATABASE + "statefulset.yaml", "max_wal_size=256MB", "max_wal_size=1GB",
     "test_leaves_room_on_its_volume_beside_its_log"),
    (DATABASE + "databases.sh", ":[a-z0-9_]+$ ]]", ":.+$ ]]",
     "test_creates_roles_for_plain_urls_only"),
    (DATABASE + "statefulset.yaml", "path: database-url", "path: url",
     "test_takes_its_password_from_the_secret_of_the_service"),
    (DATABASE + "statefulset.yaml", "postgres:17.12-trixie", "postgres:17",
     "test_has_the_image_of_the_compose_file"),
    (DATABASE + "service.yaml", "  clusterIP: None\n", "", "test_is_found_by_its_name"),
    (DATABASE + "statefulset.yaml", "memory: 512Mi", "memory: 768Mi",
     "test_fits_into_the_quota_beside_the_service"),
    ("/overlays/postgresql/payment-provider/kustomization.yaml", "limits.memory: 3Gi",
     "limits.memory: 2Gi", "test_fits_into_the_quota_beside_the_service"),
    (DATABASE + "statefulset.yaml", "[pg_isready, --host=127.0.0.1]", "[pg_isready]",
     "test_counts_as_ready_when_its_database_exists"),
]  # fmt: skip
