"""What is publicly known of the competition's `train_ver2.csv`, read from public notebooks and write-ups about it.

The generator follows these figures and a test compares them with what it writes.
"""

CUSTOMER_COLUMNS = (
    "fecha_dato",
    "ncodpers",
    "ind_empleado",
    "pais_residencia",
    "sexo",
    "age",
    "fecha_alta",
    "ind_nuevo",
    "antiguedad",
    "indrel",
    "ult_fec_cli_1t",
    "indrel_1mes",
    "tiprel_1mes",
    "indresi",
    "indext",
    "conyuemp",
    "canal_entrada",
    "indfall",
    "tipodom",
    "cod_prov",
    "nomprov",
    "ind_actividad_cliente",
    "renta",
    "segmento",
)
FLAGS = (
    "ind_ahor_fin_ult1",
    "ind_aval_fin_ult1",
    "ind_cco_fin_ult1",
    "ind_cder_fin_ult1",
    "ind_cno_fin_ult1",
    "ind_ctju_fin_ult1",
    "ind_ctma_fin_ult1",
    "ind_ctop_fin_ult1",
    "ind_ctpp_fin_ult1",
    "ind_deco_fin_ult1",
    "ind_deme_fin_ult1",
    "ind_dela_fin_ult1",
    "ind_ecue_fin_ult1",
    "ind_fond_fin_ult1",
    "ind_hip_fin_ult1",
    "ind_plan_fin_ult1",
    "ind_pres_fin_ult1",
    "ind_reca_fin_ult1",
    "ind_tjcr_fin_ult1",
    "ind_valo_fin_ult1",
    "ind_viv_fin_ult1",
    "ind_nomina_ult1",
    "ind_nom_pens_ult1",
    "ind_recibo_ult1",
)
FIRST_MONTH = "2015-01"
SNAPSHOT_DAY = 28
MONTHS = 17

# Additions of June 2015, among customers who were still there a year later.
JUNE_ADDITIONS = {
    "recibo": 9023,
    "nom_pens": 8135,
    "cco": 6588,
    "nomina": 5070,
    "tjcr": 4655,
    "reca": 2931,
    "cno": 1857,
    "ecue": 1204,
    "dela": 939,
    "deco": 289,
    "fond": 245,
    "ctop": 213,
    "ctma": 210,
    "valo": 152,
    "ctpp": 151,
    "deme": 33,
    "plan": 19,
    "cder": 9,
    "pres": 8,
    "ctju": 7,
    "hip": 4,
    "viv": 3,
    "ahor": 0,
    "aval": 0,
}
SHARE_THAT_ADDS = (0.03, 0.04)  # of customers in a month

# Per cent of the products held by customers who hold exactly one, or three.
HELD_BY_OWNERS_OF_ONE = {
    "cco": 53.7,
    "ctop": 31.5,
    "ecue": 2.1,
    "reca": 2.1,
    "ctju": 1.7,
    "plan": 1.5,
    "valo": 1.3,
    "dela": 1.2,
    "tjcr": 1.1,
    "ctpp": 1.1,
    "fond": 0.7,
    "viv": 0.5,
    "cno": 0.5,
    "hip": 0.4,
}
HELD_BY_OWNERS_OF_THREE = {
    "cco": 29.5,
    "ctop": 19.8,
    "recibo": 10.4,
    "ecue": 7.2,
    "dela": 6.8,
    "valo": 4.8,
    "reca": 4.5,
    "tjcr": 3.4,
    "fond": 3.3,
    "ctpp": 3.1,
    "cno": 3.0,
}

# Share of the rows without a value. Most customer columns are missing together, in the same rows.
MISSING_TOGETHER = 0.0024
MISSING = {
    "canal_entrada": 0.009,
    "cod_prov": 0.010,
    "nomprov": 0.010,
    "segmento": 0.009,
    "renta": 0.20,
    "ult_fec_cli_1t": 0.998,
    "conyuemp": 0.9998,
}
UNKNOWN_SENIORITY = -999_999
