"""Mistakes in the manifests that the checks must find: a file, the replaced text (None: the file is
new), the new text, and the check. Paths are relative to k8s/, or to the repository if they begin
with a slash."""

from support.manifests import NAME

POD = "serviceAccountName: payment-provider"
MATCH = f"matchLabels:\n      {NAME}: "
SELECTOR = f"selector:\n    {NAME}: "

MUTATIONS = [
    # Files
    ("invoice-app/pdb.yaml", "namespace: invoicing", "namespace: payments",
     "test_each_file_has_one_object_of_its_services_namespace"),
    ("payment-provider/extra.yaml", None,
     "kind: Ingress\nmetadata: {name: a, namespace: payments, labels: {}}\n",
     "test_there_is_nothing_but_what_the_services_need"),
    ("surprise/pod.yaml", None, "kind: Pod\n", "test_there_is_nothing_but_what_the_services_need"),
    ("invoice-app/token.yaml", None,
     "kind: Secret\nmetadata: {name: provider-token, namespace: invoicing}\n",
     "test_takes_the_token_from_a_secret_that_is_not_in_the_repository"),
    ("a/pod.yaml", None, "kind: Pod\nmetadata: {name: a, namespace: other}\n",
     "test_kubectl_can_apply_them_all_in_the_order_of_their_paths"),
    ("00-namespaces.yaml", "enforce: restricted", "enforce: baseline",
     "test_namespaces_admit_restricted_pods_only"),
    ("invoice-app/deployment.yaml", "image: invoice-app:", "image: invoice-app:9",
     "test_versions_are_the_projects"),
    ("/Dockerfile.payment", "ARG VERSION=", "ARG VERSION=9",
     "test_versions_are_the_projects"),
    # Exemptions from the linters
    *(
        (path, old, new, "test_exemptions_from_the_linters_have_their_reason_in_the_docs")
        for path, old, new in (
            ("invoice-app/deployment.yaml", "priorityClassNotSet-exempt", "other-exempt"),
            ("payment-provider/deployment.yaml", "container-resources\nspec:",
             "container-resources, other\nspec:"),
            ("payment-provider/deployment.yaml", "ignore-check.kube-linter.io/no-anti-affinity",
             "kube-linter.io/ignore-all"),
            ("/docs/kubernetes.md", "`service-type`", "service-type"),
        )
    ),
    # Pod Security, one for each rule
    *(
        ("payment-provider/deployment.yaml", old, new,
         "test_meet_the_restricted_pod_security_standard")
        for old, new in (
            (POD, "hostNetwork: true\n      " + POD),
            (POD, "hostPID: true\n      " + POD),
            (POD, "hostIPC: true\n      " + POD),
            ("fsGroup:", "windowsOptions: {hostProcess: true}\n        fsGroup:"),
            ("privileged: false", "privileged: true"),
            ("                - ALL\n", "                - NET_RAW\n"),
            ("                - ALL\n", "                - ALL\n              add: [SYS_ADMIN]\n"),
            ("persistentVolumeClaim:\n            claimName: payment-provider-data",
             "hostPath:\n            path: /var/lib"),
            ("containerPort: 8082", "containerPort: 8082\n              hostPort: 8082"),
            ("path: /readyz", "path: /readyz\n              host: 169.254.169.254"),
            ("fsGroup:", "appArmorProfile: {type: Unconfined}\n        fsGroup:"),
            ("        prometheus.io/port", "        container.apparmor.security.beta.kubernetes.io/"
             "payment-provider: unconfined\n        prometheus.io/port"),
            ("fsGroup:", "seLinuxOptions: {type: spc_t}\n        fsGroup:"),
            ("privileged: false", "privileged: false\n            procMount: Unmasked"),
            ("privileged: false",
             "privileged: false\n            seccompProfile: {type: Unconfined}"),
            ("type: RuntimeDefault", "type: Unconfined"),
            ("fsGroup:", "sysctls: [{name: kernel.msgmax, value: '1'}]\n        fsGroup:"),
            ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"),
            ("            allowPrivilegeEscalation: false\n", ""),
            ("runAsNonRoot: true", "runAsNonRoot: false"),
            ("privileged: false", "privileged: false\n            runAsNonRoot: false"),
            ("runAsUser: 65532", "runAsUser: 0"),
            ("privileged: false", "privileged: false\n            runAsUser: 0"),
        )
    ),
    # Pods
    ("invoice-app/deployment.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
     "test_can_write_to_their_volume_and_nowhere_else"),
    ("invoice-app/deployment.yaml", "mountPath: /etc/provider-token\n              readOnly: true",
     "mountPath: /etc/provider-token", "test_can_write_to_their_volume_and_nowhere_else"),
    ("/Dockerfile.invoice", "USER 65532:65532", "USER nonroot",
     "test_run_as_the_user_of_the_image"),
    ("invoice-app/deployment.yaml", "fsGroup: 65532", "fsGroup: 1",
     "test_run_as_the_user_of_the_image"),
    ("invoice-app/deployment.yaml", "automountServiceAccountToken: false",
     "automountServiceAccountToken: true", "test_have_no_way_to_the_kubernetes_api"),
    ("invoice-app/deployment.yaml", "path: /readyz\n              port: admin",
     "path: /readyz\n              port: http",
     "test_probe_the_admin_port_and_not_twice_for_the_same"),
    ("invoice-app/deployment.yaml", "path: /readyz", "path: /livez",
     "test_probe_the_admin_port_and_not_twice_for_the_same"),
    ("invoice-app/deployment.yaml", "memory: 1Gi", "memory: 2Gi",
     "test_ask_for_resources_and_limit_memory_and_storage"),
    ("invoice-app/deployment.yaml", "            limits:\n              memory: 1Gi\n",
     "            limits:\n", "test_ask_for_resources_and_limit_memory_and_storage"),
    *(
        ("invoice-app/" + file, old, new, "test_fit_into_the_quota_while_all_are_replaced")
        for file, old, new in (
            ("resourcequota.yaml", 'pods: "9"', 'pods: "8"'),
            ("resourcequota.yaml", "limits.memory: 9Gi", "limits.memory: 7Gi"),
            ("resourcequota.yaml", 'requests.cpu: "2"', "requests.cpu: 500m"),
            ("resourcequota.yaml", 'nodeports: "1"', 'nodeports: "0"'),
            ("deployment.yaml", "replicas: 3", "replicas: 4"),
            ("pvc.yaml", "storage: 1Gi", "storage: 10Gi"),
        )
    ),
    ("invoice-app/pvc.yaml", "ReadWriteOnce", "ReadWriteMany",
     "test_of_a_service_stay_on_the_node_of_their_volume"),
    ("invoice-app/deployment.yaml", "        podAffinity:", "        podAntiAffinity:",
     "test_of_a_service_stay_on_the_node_of_their_volume"),
    ("invoice-app/deployment.yaml", "claimName: invoice-app-data", "claimName: other",
     "test_of_a_service_stay_on_the_node_of_their_volume"),
    ("invoice-app/deployment.yaml", "maxUnavailable: 0", "maxUnavailable: 1",
     "test_are_never_fewer_than_three_during_an_update"),
    ("invoice-app/pdb.yaml", "maxUnavailable: 1", "maxUnavailable: 3",
     "test_are_never_fewer_than_three_during_an_update"),
    ("invoice-app/pdb.yaml", "maxUnavailable: 1", "maxUnavailable: 0",
     "test_are_never_fewer_than_three_during_an_update"),
    ("invoice-app/pdb.yaml", MATCH + "invoice-app", MATCH + "other",
     "test_are_never_fewer_than_three_during_an_update"),
    ("invoice-app/deployment.yaml", "GracePeriodSeconds: 45", "GracePeriodSeconds: 30",
     "test_have_time_to_drain_and_to_finish"),
    ("invoice-app/configmap.yaml", 'DRAIN_SECONDS: "10"', 'DRAIN_SECONDS: "0"',
     "test_have_time_to_drain_and_to_finish"),
    ("invoice-app/deployment.yaml", "image: invoice-app:", "image: invoice-app:latest # ",
     "test_take_images_that_are_tagged_and_already_there"),
    ("invoice-app/deployment.yaml", "image: invoice-app:", "image: invoice-app # ",
     "test_take_images_that_are_tagged_and_already_there"),
    # Network
    ("payment-provider/service.yaml", SELECTOR + "payment-provider", SELECTOR + "provider",
     "test_services_lead_to_the_pods_public_port"),
    ("payment-provider/service.yaml", "targetPort: http", "targetPort: admin",
     "test_services_lead_to_the_pods_public_port"),
    ("payment-provider/service.yaml", "type: ClusterIP", "type: NodePort",
     "test_only_invoice_app_can_be_reached_from_outside"),
    ("payment-provider/service.yaml", "type: ClusterIP",
     "type: ClusterIP\n  externalIPs: [192.0.2.1]",
     "test_only_invoice_app_can_be_reached_from_outside"),
    ("payment-provider/resourcequota.yaml", 'services.nodeports: "0"', 'services.nodeports: "1"',
     "test_only_invoice_app_can_be_reached_from_outside"),
    ("invoice-app/cronjob.yaml", "name: timeout\n                value: \"1\"",
     "name: timeout\n                value: \"5\"", "test_a_call_outlasts_lost_responses_of_dns"),
    ("invoice-app/configmap.yaml", ".svc.cluster.local:8082", ".svc.cluster.local:8081",
     "test_invoice_app_knows_where_the_provider_is"),
    ("invoice-app/configmap.yaml", "provider.payments.svc", "provider.invoicing.svc",
     "test_invoice_app_knows_where_the_provider_is"),
    ("payment-provider/networkpolicy-default-deny.yaml", "    - Egress\n", "",
     "test_everything_is_denied_unless_a_policy_allows_it"),
    ("payment-provider/networkpolicy-default-deny.yaml", "podSelector: {}",
     "podSelector: {}\n  ingress: [{}]", "test_everything_is_denied_unless_a_policy_allows_it"),
    *(
        ("payment-provider/networkpolicy.yaml", old, new,
         "test_policies_admit_exactly_the_pairs_that_are_needed")
        for old, new in (
            # Another element where one with both selectors is meant: the classic mistake.
            ("          podSelector:", "        - podSelector:"),
            ("name: invoicing", "name: default"),
            ("                  - invoice-app\n", "                  - other\n"),
            ("                  - invoice-app-audit\n", ""),
            ("          podSelector:\n            matchExpressions:\n              - key: " + NAME
             + "\n                operator: In\n                values:\n"
             "                  - invoice-app\n                  - invoice-app-audit\n", ""),
            ("port: 8082", "port: 8081"),
            ("port: 8082", "port: 8082\n          endPort: 9082"),
            ("        - port: 8082\n", "        - port: 8082\n        -\n"),
            ("      ports:\n        - port: 9082\n          protocol: TCP\n", ""),
            ("name: monitoring", "name: default"),
            ("egress: []", "egress: [{}]"),
            ("egress: []", "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"),
            ("  ingress:\n", "  ingress:\n    - {}\n"),
            ("  ingress:\n", "  ingress:\n    - from: [{ipBlock: {cidr: 10.0.0.0/8}}]\n"),
        )
    ),
    *(
        ("invoice-app/networkpolicy.yaml", old, new,
         "test_policies_admit_exactly_the_pairs_that_are_needed")
        for old, new in (
            ("    - ports: # from anywhere", "    - from: [{namespaceSelector: {}}]\n      ports:"),
            ("name: payments", "name: default"),
            ("k8s-app: kube-dns", "k8s-app: other"),
            ("169.254.20.10/32", "169.254.0.0/16"),
            ("protocol: UDP", "protocol: TCP"),
            ("  egress:\n", "  egress:\n    - ports: [{port: 443}]\n"),
        )
    ),
    # Configuration
    ("invoice-app/configmap.yaml", "DRAIN_SECONDS:", "DRAIN_TIME:",
     "test_has_only_variables_that_the_program_reads"),
    ("payment-provider/configmap.yaml", "  LOG_LEVEL", "  PAY_WAIT_SECONDS: '1'\n  LOG_LEVEL",
     "test_has_only_variables_that_the_program_reads"),
    ("invoice-app/configmap.yaml", 'PORT: "8081"\n  A', "PORT: 8081\n  A",
     "test_is_text_and_all_of_it_reaches_the_container"),
    ("invoice-app/deployment.yaml", "configMapRef:\n                name: invoice-app",
     "configMapRef:\n                name: other",
     "test_is_text_and_all_of_it_reaches_the_container"),
    ("invoice-app/configmap.yaml", 'ADMIN_PORT: "9081"', 'ADMIN_PORT: "9082"',
     "test_listens_where_the_container_says_it_does"),
    ("invoice-app/configmap.yaml", "sqlite:/data/", "sqlite:/var/",
     "test_keeps_the_data_on_the_volume"),
    ("invoice-app/deployment.yaml", "secretName: provider-token", "secretName: token",
     "test_takes_the_token_from_a_secret_that_is_not_in_the_repository"),
    ("invoice-app/deployment.yaml", "value: /etc/provider-token/token", "value: /etc/token",
     "test_takes_the_token_from_a_secret_that_is_not_in_the_repository"),
    # The audit
    *(
        ("invoice-app/cronjob.yaml", old, new, "test_runs_each_hour_and_ends_before_the_next")
        for old, new in (
            ('schedule: "17 * * * *"', 'schedule: "17 3 * * *"'),
            ("concurrencyPolicy: Forbid", "concurrencyPolicy: Allow"),
            ("concurrencyPolicy: Forbid", "concurrencyPolicy: Forbid\n  suspend: true"),
            ("activeDeadlineSeconds: 900", "activeDeadlineSeconds: 3600"),
            ("failedJobsHistoryLimit: 3", "failedJobsHistoryLimit: 0"),
        )
    ),
    *(
        ("invoice-app/cronjob.yaml", old, new,
         "test_fails_at_once_if_something_differs_and_is_repeated_once_otherwise")
        for old, new in (
            ("restartPolicy: Never", "restartPolicy: OnFailure"),
            ("backoffLimit: 1", "backoffLimit: 6"),
            ("                - 1\n", "                - 2\n"),
            ("action: FailJob", "action: Ignore"),
        )
    ),
    ("invoice-app/cronjob.yaml", f"          labels:\n            {NAME}: invoice-app-audit",
     f"          labels:\n            {NAME}: invoice-app",
     "test_gets_no_requests_and_does_not_count_as_a_replica"),
    *(
        ("invoice-app/cronjob.yaml", old, new, "test_has_the_settings_and_the_files_of_the_service")
        for old, new in (
            ("- --audit", "- --version"),
            ("/etc/provider-token/token", "/etc/token"),
            ("claimName: invoice-app-data", "claimName: other"),
        )
    ),
    *(
        ("invoice-app/cronjob.yaml", old, new, check)
        for old, new, check in (
            ("runAsNonRoot: true", "runAsNonRoot: false",
             "test_meet_the_restricted_pod_security_standard"),
            ("                  readOnly: true\n", "",
             "test_can_write_to_their_volume_and_nowhere_else"),
            ("runAsUser: 65532", "runAsUser: 1000", "test_run_as_the_user_of_the_image"),
            ("allowPrivilegeEscalation: false", "runAsUser: 1000",
             "test_run_as_the_user_of_the_image"),
            ("automountServiceAccountToken: false", "automountServiceAccountToken: true",
             "test_have_no_way_to_the_kubernetes_api"),
            ("memory: 256Mi", "memory: 2Gi", "test_ask_for_resources_and_limit_memory_and_storage"),
            ("podAffinity:", "podAntiAffinity:",
             "test_of_a_service_stay_on_the_node_of_their_volume"),
            ("image: invoice-app:", "image: invoice-app:9",
             "test_versions_are_the_projects"),
            ("image: invoice-app:", "image: invoice-app:latest # ",
             "test_take_images_that_are_tagged_and_already_there"),
        )
    ),
    ("invoice-app/networkpolicy-audit.yaml", "ingress: []", "ingress: [{}]",
     "test_policies_admit_exactly_the_pairs_that_are_needed"),
    # Access
    ("invoice-app/rolebinding.yaml", "kind: Group\n    name: team-invoicing",
     "kind: Group\n    name: system:authenticated",
     "test_is_given_to_each_team_in_its_own_namespace"),
    ("invoice-app/role.yaml", "[pods/log]", "[pods/log, secrets]",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[pods/portforward]", "[pods/exec]",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[networkpolicies]\n    verbs: [get,",
     "[networkpolicies]\n    verbs: [get, create,",
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    ("invoice-app/role.yaml", "[deployments/scale]", '["*"]',
     "test_is_to_named_things_and_neither_to_secrets_nor_into_pods"),
    # Compose
    ("/docker-compose.yml", "read_only: true", "read_only: false",
     "test_confines_both_services_as_kubernetes_does"),
    ("/docker-compose.yml", "mem_limit: 1g", "mem_limit: 2g",
     "test_confines_both_services_as_kubernetes_does"),
    ("/docker-compose.yml", "file: build/secrets", "file: secrets",
     "test_takes_secrets_from_where_git_does_not_look"),
    ("/docker-compose.yml", "internal: true", "internal: false",
     "test_lets_nobody_but_invoice_app_reach_the_provider"),
    ("/docker-compose.yml", '"127.0.0.1:8081:8081"', '"8081:8081"',
     "test_lets_nobody_but_invoice_app_reach_the_provider"),
    ("/docker-compose.yml", "networks: [payments]",
     "networks: [payments]\n    ports: ['8082:8082']",
     "test_lets_nobody_but_invoice_app_reach_the_provider"),
    ("/docker-compose.yml", "http://payment-provider-postgresql:", "http://payment-provider:",
     "test_calls_the_provider_of_the_same_profile"),
    ("/docker-compose.yml", "networks: [payments, database]",
     "networks: {payments: {aliases: [payment-provider]}, database: {}}",
     "test_calls_the_provider_of_the_same_profile"),
]  # fmt: skip
