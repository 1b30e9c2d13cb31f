"""The vendor's own voices and persons; the pages say that these lists change."""

from __future__ import annotations

from typing import Final, Literal

from kling_sdk.facts.sources import Fact

#: Where `VOICES` comes from.
CATALOGUE: Final = Fact(
    "observed", ("clients",), "2026-08-01", "medium", "six clients agree; no page has it"
)
#: The voices of lip-sync and of text-to-speech: one catalogue.
VOICES: Final = (
    "genshin_vindi2",
    "zhinen_xuesheng",
    "AOT",
    "ai_shatang",
    "genshin_klee2",
    "genshin_kirara",
    "ai_kaiya",
    "oversea_male1",
    "ai_chenjiahao_712",
    "girlfriend_4_speech02",
    "chat1_female_new-3",
    "chat_0407_5-1",
    "cartoon-boy-07",
    "uk_boy1",
    "cartoon-girl-01",
    "PeppaPig_platform",
    "ai_huangzhong_712",
    "ai_huangyaoshi_712",
    "ai_laoguowang_712",
    "chengshu_jiejie",
    "you_pingjing",
    "calm_story1",
    "uk_man2",
    "laopopo_speech02",
    "heainainai_speech02",
    "reader_en_m-v1",
    "commercial_lady_en_f-v1",
    "tiyuxi_xuedi",
    "tiexin_nanyou",
    "girlfriend_1_speech02",
    "girlfriend_2_speech02",
    "zhuxi_speech02",
    "uk_oldman3",
    "dongbeilaotie_speech02",
    "chongqingxiaohuo_speech02",
    "chuanmeizi_speech02",
    "chaoshandashu_speech02",
    "ai_taiwan_man2_speech02",
    "xianzhanggui_speech02",
    "tianjinjiejie_speech02",
    "diyinnansang_DB_CN_M_04-v2",
    "yizhipiannan-v1",
    "guanxiaofang-v2",
    "tianmeixuemei-v1",
    "daopianyansang-v1",
    "mengwa-v1",
)

# For `/solutions`: one undated copy of each page (2026-09-15 or later).
AgentVoice = Literal[
    "male_calm_informative",
    "female_clear_rational",
    "female_gentle_soothing",
    "female_bright_engaging",
    "male_crisp_persuasive",
    "female_intelligent_narrative",
    "male_clear_professional",
    "male_energetic_sporty",
    "female_warm_rich",
]
AgentAvatar = Literal[
    "avatar_vivian_female",
    "avatar_lee_male",
    "avatar_chenjing_female",
    "avatar_zhaochen_male",
    "avatar_wanglei_male",
    "avatar_eva_female",
    "avatar_oliver_male",
    "avatar_elena_female",
    "avatar_adam_male",
    "avatar_anna_female",
    "avatar_rajput_male",
    "avatar_mia_female",
    "avatar_river_male",
    "avatar_marcus_male",
    "avatar_toto_cartoon",
]
DupeVoice = Literal[
    "energetic_sales_girl",
    "gentle_sales_woman",
    "crisp_sales_girl",
    "mature_sales_woman",
    "calm_sales_woman",
    "soft_sales_woman",
    "energetic_sales_boy",
    "enthusiastic_sales_man",
    "steady_sales_man",
    "calm_sales_man",
]
